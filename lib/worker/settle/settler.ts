import { isRowSuspected } from '../../storage/isolate-rows.js';
import type { SettleRepository } from '../../storage/settle.repository.js';
import { isCertainlyRolledBack, isConflict } from '../../storage/sql-state.js';
import type { EventSink } from '../../events/queue-events.js';
import { type AttemptRef, type Settlement, WRITES } from '../../task/settlement.js';
import type { ConnectionStates } from '../connection-states.js';
import { OutcomeReport } from './outcome-report.js';
import { RefusedOutcomes } from './refused-outcomes.js';
import type { RefusedTasks } from '../refused-tasks.js';
import { retryDelay } from '../../timing/retry-delay.js';
import { LockedRows } from './locked-rows.js';
import type { SettlerEntry } from './settler-entry.js';

export interface SettlerDeps {
  repository: SettleRepository;
  events: EventSink;
  states: ConnectionStates;
  refused: RefusedTasks;
  /** Whether a lease is still this process's, as far as it knows. */
  holds(leaseId: number): boolean;
  /** There is room again. */
  onRoom(): void;
  /** A task waits for its next attempt, from now on for so long. */
  onReopened(delayMs: number): void;
  /** Tasks are back in their old places. */
  onUnclaimed(): void;
}

const BATCH = 1000;
const MAX_BATCHES_ON_THEIR_WAY = 2;
/** From here on nothing is claimed until outcomes have been written. */
const MAX_WAITING = 5000;

/**
 * Writes outcomes in batches: while one batch is on its way the next gathers. Keeps trying as long as the leases can be held,
 * and never runs a handler again because its outcome could not be written.
 */
export class Settler {
  private waiting: SettlerEntry[] = [];
  private scheduled = false;
  private failures = 0;
  private readonly batches = new Set<readonly SettlerEntry[]>();
  /** What is being divided, or failed too often to be tried one by one. */
  private readonly failing = new Set<SettlerEntry>();
  private idle: (() => void)[] = [];
  private closed = false;
  private readonly aside: LockedRows<SettlerEntry>;
  private readonly report: OutcomeReport;
  private readonly refused: RefusedOutcomes;

  constructor(private readonly deps: SettlerDeps) {
    this.report = new OutcomeReport({
      ...deps,
      onUnknown: (entries, error) => {
        deps.states.failed('settle', error);
        this.waiting.push(...entries);
      },
    });
    this.refused = new RefusedOutcomes({
      refused: deps.refused,
      holds: deps.holds,
      write: (entries, as) => this.sendWanted(entries, as),
      onDone: () => {
        deps.onRoom();
        this.flush();
      },
    });
    this.aside = new LockedRows({
      findHeld: (entries) => deps.repository.findHeld(entries.map(({ settlement }) => settlement)),
      onFree: (entries) => {
        this.waiting.push(...this.stillWanted(entries));
        this.flush();
      },
    });
  }

  get isFull(): boolean {
    return this.waiting.length + this.failing.size >= MAX_WAITING;
  }

  /** Whether outcomes of a kind fail, and it is not known which: no more of it is to run until it is. */
  withholds(kind: number): boolean {
    return this.failing.size > 0 && [...this.failing].some(({ task }) => task.kind === kind);
  }

  add(entry: SettlerEntry): void {
    this.report.expect(entry);
    this.waiting.push(entry);
    this.schedule();
  }

  /** Gives back an attempt that the database does not let begin, as soon as it does. */
  giveBackLater(entry: SettlerEntry, error: unknown): void {
    this.report.expect(entry);
    this.refused.keep(entry, 'begin', error, () => this.deps.repository.begin([entry.settlement]));
  }

  /** What is not written yet. */
  *unwritten(): Iterable<AttemptRef> {
    for (const entries of [this.waiting, ...this.batches, this.aside.all, this.failing, this.refused.all]) {
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
    await this.deps.refused.close();
    await this.refused.tryLast();
    if (this.isBusy) {
      await new Promise<void>((resolve) => this.idle.push(resolve));
    }
  }

  /** Tries no longer. */
  close(): void {
    this.closed = true;
    this.aside.close();
  }

  get isBusy(): boolean {
    return (
      this.waiting.length > 0 || this.batches.size > 0 || this.aside.all.length > 0 || this.failing.size > 0
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
        this.deps.onRoom();
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
    for (let entries = group; entries.length > 0; entries = this.stillWanted(entries)) {
      try {
        await this.send(entries, entries[0]!.settlement.write);
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

  private async sendWanted(entries: readonly SettlerEntry[], as: Settlement['write']): Promise<void> {
    const wanted = this.stillWanted(entries);
    if (wanted.length > 0 || entries.length === 0) {
      await this.send(wanted, as);
    }
  }

  /** One statement for a batch, which may be empty. */
  private async send(entries: readonly SettlerEntry[], as: Settlement['write']): Promise<void> {
    const { repository, states, events, onUnclaimed } = this.deps;
    const startedAt = performance.now();
    const settlements = entries.map(({ settlement }) => settlement) as never[];
    try {
      await this.report.answered(entries, await repository[as](settlements));
    } catch (error) {
      const uncertain = !isCertainlyRolledBack(error);
      for (const entry of entries) {
        entry.uncertain ||= uncertain;
      }
      throw error;
    }
    if (entries.length > 0) {
      this.failures = 0;
      states.worked('settle');
      if (as === 'unclaim') {
        onUnclaimed();
      }
      events.emit({ type: 'flushed', count: entries.length, durationMs: performance.now() - startedAt });
    }
  }

  /** Where it is rows that can't be written, the others are. @returns what is left: it is the server */
  private async divide(entries: SettlerEntry[]): Promise<SettlerEntry[]> {
    entries.forEach((entry) => this.failing.add(entry));
    const { untried, left } = await this.refused.divide(entries);
    entries.forEach((entry) => this.failing.delete(entry));
    if (untried.length > 0) {
      untried.forEach((entry) => this.failing.add(entry));
      setTimeout(() => this.again(untried), retryDelay(++this.failures));
    }
    return [...left];
  }

  private again(entries: readonly SettlerEntry[]): void {
    entries.forEach((entry) => this.failing.delete(entry));
    if (!this.closed) {
      this.waiting.push(...this.stillWanted(entries));
      this.flush();
    }
  }

  private async pause(error: unknown): Promise<void> {
    this.failures++;
    this.deps.states.failed('settle', error);
    await new Promise<void>((resolve) => setTimeout(resolve, retryDelay(this.failures)));
  }

  /** Others hold rows of this batch: what is not among them is written at once. */
  private async withoutHeld(entries: SettlerEntry[]): Promise<SettlerEntry[]> {
    try {
      return await this.aside.divide(entries);
    } catch (error) {
      await this.pause(error);
      return entries;
    }
  }

  private stillWanted(entries: readonly SettlerEntry[]): SettlerEntry[] {
    return entries.filter((entry) => {
      const isHeld = this.deps.holds(entry.leaseId);
      if (!isHeld) {
        this.report.lost(entry);
      }
      return isHeld;
    });
  }
}
