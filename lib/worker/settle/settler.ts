import { isRowSuspected } from '../../storage/isolate-rows.js';
import type { SettleRepository } from '../../storage/settle.repository.js';
import { isCertainlyRolledBack, isConflict } from '../../storage/sql-state.js';
import type { Outcome } from '../../task/outcome.js';
import { type AttemptRef, WRITES } from '../../task/settlement.js';
import { retryDelay } from '../../timing/retry-delay.js';
import type { Attempt } from '../run/attempt.js';
import type { Admission } from '../slots/admission.js';
import type { WorkerBase } from '../worker-base.js';
import { LockedRows } from './locked-rows.js';
import { OutcomeReport } from './outcome-report.js';
import { OutcomeWriter } from './outcome-writer.js';
import { RefusedOutcomes } from './refused-outcomes.js';
import { entryOf, type SettledKind, type SettlerEntry } from './settler-entry.js';

/** What the settler uses of the worker. */
type Base = Pick<WorkerBase, 'events' | 'states' | 'refused' | 'origin' | 'held' | 'claims' | 'rewinder'>;

const BATCH = 1000;
const MAX_BATCHES_ON_THEIR_WAY = 2;
/** Nothing is claimed while so many outcomes wait to be written. */
const MAX_WAITING = 5000;

/**
 * Writes outcomes in batches: while one batch is on its way the next gathers. It keeps trying as long as the leases can be held,
 * and never runs a handler again because its outcome could not be written.
 */
export class Settler implements Admission {
  private waiting: SettlerEntry[] = [];
  private scheduled = false;
  private readonly batches = new Set<readonly SettlerEntry[]>();
  /** The outcomes that are being divided, or that failed too often to be tried one by one. */
  private readonly failing = new Set<SettlerEntry>();
  private idle: (() => void)[] = [];
  private closed = false;
  private readonly locked: LockedRows;
  private readonly report: OutcomeReport;
  private readonly writer: OutcomeWriter;
  private readonly refused: RefusedOutcomes;

  constructor(
    private readonly base: Base,
    private readonly repository: SettleRepository,
  ) {
    this.report = new OutcomeReport(base, repository, (entries, error) => {
      base.states.failed('settle', error);
      this.waiting.push(...entries);
    });
    this.writer = new OutcomeWriter(base, repository, this.report);
    const onDone = () => {
      base.claims.wake();
      this.flush();
    };
    this.refused = new RefusedOutcomes({ ...base, writer: this.writer, onDone });
    this.locked = new LockedRows(repository, (entries) => this.writeAgain(entries));
  }

  get isFull(): boolean {
    return this.waiting.length + this.failing.size >= MAX_WAITING;
  }

  /** No more of a kind are claimed while outcomes of it fail, and it is not known which. */
  allows(kind: number): number {
    const isFailing = this.failing.size > 0 && [...this.failing].some(({ task }) => task.kind === kind);
    return isFailing ? 0 : Number.POSITIVE_INFINITY;
  }

  /** An attempt has ended: its outcome is written, unless it has lost its task. */
  settle(attempt: Attempt, outcome: Outcome, of: SettledKind): void {
    const entry = entryOf(attempt, outcome, of, this.base.origin);
    const { task, as, durationMs, error } = entry;
    attempt.instrumented?.ended(as, error);
    if (attempt.lost && !attempt.completed) {
      this.base.events.emit({ type: 'attempt-settled', ...task, as, exhausted: false, durationMs, error });
    } else {
      this.report.expect(entry);
      this.waiting.push(entry);
      this.schedule();
    }
  }

  /** Gives back an attempt that the database does not let begin, as soon as it does. */
  giveBackLater(entry: SettlerEntry, error: unknown): void {
    this.report.expect(entry);
    this.refused.keep(entry, 'begin', error, () => this.repository.begin([entry.settlement]));
  }

  /** The attempts whose outcomes are not written yet. */
  *unwritten(): Iterable<AttemptRef> {
    for (const entries of [this.waiting, ...this.batches, this.locked.all, this.failing, this.refused.all]) {
      for (const { settlement } of entries) {
        yield settlement;
      }
    }
  }

  /** Whether outcomes under this lease are not written yet. */
  uses(leaseId: number): boolean {
    return this.report.expects(leaseId);
  }

  /** Resolves when all is written, or nothing more can be. */
  async drained(): Promise<void> {
    await this.base.refused.close();
    await this.refused.tryLast();
    if (this.isBusy) {
      await new Promise<void>((resolve) => this.idle.push(resolve));
    }
  }

  /** Writes nothing any more. */
  close(): void {
    this.closed = true;
    this.locked.close();
  }

  get isBusy(): boolean {
    return (
      this.waiting.length > 0 || this.batches.size > 0 || this.locked.all.length > 0 || this.failing.size > 0
    );
  }

  private schedule(): void {
    if (!this.scheduled && this.batches.size < MAX_BATCHES_ON_THEIR_WAY) {
      this.scheduled = true;
      setImmediate(() => {
        this.scheduled = false;
        this.flush();
      });
    }
  }

  private flush(): void {
    while (this.waiting.length > 0 && this.batches.size < MAX_BATCHES_ON_THEIR_WAY) {
      const batch = this.waiting.slice(0, BATCH);
      this.waiting = this.waiting.slice(BATCH);
      this.batches.add(batch);
      void this.write(batch).then(() => {
        this.batches.delete(batch);
        this.base.claims.wake();
        this.flush();
      });
    }
    if (!this.isBusy) {
      this.idle.splice(0).forEach((resolve) => resolve());
    }
  }

  /** Never rejects. */
  private async write(batch: SettlerEntry[]): Promise<void> {
    for (const write of WRITES) {
      await this.writeGroup(batch.filter(({ settlement }) => settlement.write === write));
    }
  }

  private async writeGroup(group: SettlerEntry[]): Promise<void> {
    let failures = 0;
    for (let entries = group; entries.length > 0; entries = this.writer.heldOf(entries)) {
      try {
        await this.writer.write(entries, entries[0]!.settlement.write);
        return;
      } catch (error) {
        failures++;
        if (isRowSuspected(error, failures)) {
          entries = await this.divide(entries);
        }
        if (entries.length === 0) {
          return;
        }
        if (isCertainlyRolledBack(error) && isConflict(error)) {
          entries = await this.withoutHeld(entries);
        } else {
          await this.pause(error);
        }
        if (this.closed) {
          return;
        }
      }
    }
  }

  /** Writes what can be written where some rows can't be. @returns what is left because the server failed */
  private async divide(entries: SettlerEntry[]): Promise<SettlerEntry[]> {
    entries.forEach((entry) => this.failing.add(entry));
    const { untried, left } = await this.refused.divide(entries);
    entries.forEach((entry) => this.failing.delete(entry));
    if (untried.length > 0) {
      untried.forEach((entry) => this.failing.add(entry));
      setTimeout(() => this.again(untried), retryDelay(++this.writer.failures));
    }
    return [...left];
  }

  private again(entries: readonly SettlerEntry[]): void {
    entries.forEach((entry) => this.failing.delete(entry));
    if (!this.closed) {
      this.writeAgain(entries);
    }
  }

  private writeAgain(entries: readonly SettlerEntry[]): void {
    this.waiting.push(...this.writer.heldOf(entries));
    this.flush();
  }

  private async pause(error: unknown): Promise<void> {
    this.writer.failures++;
    this.base.states.failed('settle', error);
    await new Promise<void>((resolve) => setTimeout(resolve, retryDelay(this.writer.failures)));
  }

  /** Keeps the outcomes whose rows others hold. @returns the others, to be written at once */
  private async withoutHeld(entries: SettlerEntry[]): Promise<SettlerEntry[]> {
    try {
      return await this.locked.divide(entries);
    } catch (error) {
      await this.pause(error);
      return entries;
    }
  }
}
