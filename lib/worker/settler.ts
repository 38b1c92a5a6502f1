import type { SettleRepository } from '../storage/settle.repository.js';
import { isCertainlyRolledBack, isConflict, isRefusedData } from '../storage/sql-state.js';
import { plainer } from '../task/error-message.js';
import type { AttemptName, SettledAs, ShardEventSink } from '../task/queue-events.js';
import type { AttemptRef, SettleAnswer, Settlement } from '../task/settlement.js';
import type { ConnectionStates } from './connection-states.js';
import { retryDelay } from './retry-delay.js';
import { SetAside } from './set-aside.js';

/** An ended attempt on its way to the database. */
export interface SettlerEntry {
  readonly settlement: Settlement;
  readonly leaseId: number;
  /** The attempt as events name it. */
  readonly task: AttemptName;
  readonly as: SettledAs;
  readonly durationMs: number;
  readonly error?: unknown;
  /** The handler may have settled it in its own transaction: then finding it settled is no loss. */
  readonly completed: boolean;
  /** A write of it may have been committed though its answer never came. */
  uncertain: boolean;
}

export interface SettlerDeps {
  repository: SettleRepository;
  events: ShardEventSink;
  states: ConnectionStates;
  /** Whether a lease is still this process's, as far as it knows. */
  holds(leaseId: number): boolean;
  /** There is room again. */
  onRoom(): void;
  /** A task waits for its next attempt, from now on for so long. */
  onReopened(delayMs: number): void;
  /** Tasks are back in their old places. */
  onUnclaimed(): void;
}

const WRITES: readonly Settlement['write'][] = ['delete', 'finish', 'reopen', 'unclaim'];
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
  /** Outcomes that are not written yet, by lease. */
  private readonly pending = new Map<number, number>();
  private idle: (() => void)[] = [];
  private closed = false;
  private readonly aside: SetAside<SettlerEntry>;

  constructor(private readonly deps: SettlerDeps) {
    this.aside = new SetAside({
      findHeld: (entries) => deps.repository.findHeld(entries.map(({ settlement }) => settlement)),
      onFree: (entries) => {
        this.waiting.push(...entries.filter((entry) => this.stillWanted(entry)));
        this.flush();
      },
    });
  }

  get isFull(): boolean {
    return this.waiting.length >= MAX_WAITING;
  }

  add(entry: SettlerEntry): void {
    const { leaseId } = entry;
    this.pending.set(leaseId, (this.pending.get(leaseId) ?? 0) + 1);
    this.waiting.push(entry);
    this.schedule();
  }

  /** What is not written yet. */
  *unwritten(): Iterable<AttemptRef> {
    for (const entries of [this.waiting, ...this.batches, this.aside.all]) {
      for (const { settlement } of entries) {
        yield settlement;
      }
    }
  }

  /** Whether outcomes under this lease are not written yet. */
  uses(leaseId: number): boolean {
    return this.pending.has(leaseId);
  }

  /** Resolves when all is written, or nothing more can be. */
  async drained(): Promise<void> {
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
    return this.waiting.length > 0 || this.batches.size > 0 || this.aside.all.length > 0;
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
    for (
      let entries = group;
      entries.length > 0;
      entries = entries.filter((entry) => this.stillWanted(entry))
    ) {
      const startedAt = performance.now();
      try {
        await this.report(entries, await this.send(entries));
        this.failures = 0;
        this.deps.states.worked('settle');
        if (entries[0]!.settlement.write === 'unclaim') {
          this.deps.onUnclaimed();
        }
        this.deps.events.emit({
          type: 'flushed',
          count: entries.length,
          durationMs: performance.now() - startedAt,
        });
        return;
      } catch (error) {
        const isKnown = isCertainlyRolledBack(error);
        if (isKnown && isRefusedData(error)) {
          return this.isolate(entries, error);
        }
        if (isKnown && isConflict(error)) {
          entries = await this.withoutHeld(entries);
        } else {
          await this.pause(entries, error);
        }
        if (this.closed) {
          return;
        }
      }
    }
  }

  private send(entries: SettlerEntry[]): Promise<SettleAnswer> {
    const { repository } = this.deps;
    const settlements = entries.map(({ settlement }) => settlement) as never[];
    switch (entries[0]!.settlement.write) {
      case 'delete':
        return repository.delete(settlements);
      case 'finish':
        return repository.finish(settlements);
      case 'reopen':
        return repository.reopen(settlements);
      case 'unclaim':
        return repository.unclaim(settlements);
    }
  }

  private async pause(entries: SettlerEntry[], error: unknown): Promise<void> {
    const uncertain = !isCertainlyRolledBack(error);
    for (const entry of entries) {
      entry.uncertain ||= uncertain;
    }
    this.failures++;
    this.deps.states.failed('settle', error);
    await new Promise<void>((resolve) => setTimeout(resolve, retryDelay(this.failures)));
  }

  /** Others hold rows of this batch: what is not among them is written at once. */
  private async withoutHeld(entries: SettlerEntry[]): Promise<SettlerEntry[]> {
    try {
      return await this.aside.divide(entries);
    } catch (error) {
      await this.pause(entries, error);
      return entries;
    }
  }

  private stillWanted(entry: SettlerEntry): boolean {
    if (!this.deps.holds(entry.leaseId)) {
      this.emit(entry, 'lost', false);
      return false;
    }
    return true;
  }

  /** One outcome of the batch can't be stored: the others must not wait for it, and it is written without its text. */
  private async isolate(entries: SettlerEntry[], error: unknown): Promise<void> {
    if (entries.length > 1) {
      for (const entry of entries) {
        await this.writeGroup([entry]);
      }
      return;
    }
    const [entry] = entries as [SettlerEntry];
    const { settlement } = entry;
    const message = 'message' in settlement ? plainer(settlement.message) : null;
    if ('message' in settlement && message !== null) {
      await this.writeGroup([{ ...entry, settlement: { ...settlement, message } }]);
      return;
    }
    this.deps.states.failed('settle', error);
    if (settlement.write === 'delete') {
      // Something of the application's points to it.
      const status = entry.as === 'cancelled' ? 'cancelled' : 'succeeded';
      const kept: Settlement = { ...settlement, write: 'finish', status, message: null, keep: 0 };
      await this.writeGroup([{ ...entry, settlement: kept }]);
      return;
    }
    this.emit(entry, 'lost', false);
  }

  private async report(entries: SettlerEntry[], { settled, exhausted }: SettleAnswer): Promise<void> {
    const completed: SettlerEntry[] = [];
    for (const entry of entries) {
      const { id, write } = entry.settlement;
      const written =
        settled === null || settled.has(id) || (entry.uncertain && this.deps.holds(entry.leaseId));
      if (!written && entry.completed) {
        completed.push(entry);
        continue;
      }
      this.emit(entry, written ? entry.as : 'lost', exhausted.has(id));
      if (written && write === 'reopen' && !exhausted.has(id)) {
        this.deps.onReopened(entry.settlement.delayMs);
      }
    }
    if (completed.length > 0) {
      await this.reportCompleted(completed);
    }
  }

  /** Their handlers' own transactions were first, and stand whatever the handlers did afterwards; unless they rolled back. */
  private async reportCompleted(entries: SettlerEntry[]): Promise<void> {
    try {
      const found = await this.deps.repository.findLost(entries.map(({ settlement }) => settlement));
      const statuses = new Map(found.map(({ id, status }) => [id, status]));
      for (const entry of entries) {
        const status = statuses.get(entry.settlement.id) ?? 'succeeded';
        this.emit({ ...entry, error: undefined }, status === 'succeeded' ? 'succeeded' : 'lost', false);
      }
    } catch (error) {
      this.deps.states.failed('settle', error);
      this.waiting.push(...entries);
    }
  }

  private emit({ leaseId, task, durationMs, error }: SettlerEntry, as: SettledAs, exhausted: boolean): void {
    const left = (this.pending.get(leaseId) ?? 1) - 1;
    if (left > 0) {
      this.pending.set(leaseId, left);
    } else {
      this.pending.delete(leaseId);
    }
    this.deps.events.emit({ type: 'attempt-settled', ...task, as, exhausted, durationMs, error });
  }
}
