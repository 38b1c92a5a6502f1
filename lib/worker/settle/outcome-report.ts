import type { SettleRepository } from '../../storage/settle.repository.js';
import type { EventSink } from '../../events/queue-events.js';
import type { SettledAs } from '../../task/task-name.js';
import type { SettleAnswer } from '../../task/settlement.js';
import type { SettlerEntry } from './settler-entry.js';

export interface OutcomeReportDeps {
  repository: Pick<SettleRepository, 'findLost' | 'findRolledBack'>;
  events: EventSink;
  holds(leaseId: number): boolean;
  onReopened(delayMs: number): void;
  /** What became of these could not be found out. */
  onUnknown(entries: readonly SettlerEntry[], error: unknown): void;
}

/** Tells what became of outcomes, and counts by lease those that are not written yet. */
export class OutcomeReport {
  private readonly pending = new Map<number, number>();
  /** Told of already. */
  private readonly told = new WeakSet<SettlerEntry>();

  constructor(private readonly deps: OutcomeReportDeps) {}

  expect({ leaseId }: SettlerEntry): void {
    this.pending.set(leaseId, (this.pending.get(leaseId) ?? 0) + 1);
  }

  /** Whether outcomes under this lease are not written yet. */
  expects(leaseId: number): boolean {
    return this.pending.has(leaseId);
  }

  async answered(entries: readonly SettlerEntry[], { settled, exhausted }: SettleAnswer): Promise<void> {
    const doubtful: SettlerEntry[] = [];
    for (const entry of entries) {
      const { id, write } = entry.settlement;
      const mayBeWritten = entry.uncertain && this.deps.holds(entry.leaseId);
      const isWritten = settled === null || settled.has(id);
      if (!isWritten && (entry.completed || (mayBeWritten && write !== 'reopen'))) {
        doubtful.push(entry);
        continue;
      }
      const written = isWritten || mayBeWritten;
      this.ended(entry, written ? entry.as : 'lost', exhausted.has(id));
      if (written && write === 'reopen' && !exhausted.has(id)) {
        this.deps.onReopened(entry.settlement.delayMs);
      }
    }
    if (doubtful.length > 0) {
      await this.reportDoubtful(doubtful);
    }
  }

  lost(entry: SettlerEntry): void {
    if (!this.told.has(entry)) {
      this.told.add(entry);
      this.ended(entry, 'lost', false);
    }
  }

  /** They ended before this write: their rows tell how. */
  private async reportDoubtful(entries: readonly SettlerEntry[]): Promise<void> {
    try {
      const { repository } = this.deps;
      const found = await repository.findLost(entries.map(({ settlement }) => settlement));
      const rolledBack = await repository.findRolledBack(
        entries.flatMap(({ completedIn }) => completedIn ?? []),
      );
      const statuses = new Map(found.map(({ id, status }) => [id, status]));
      for (const entry of entries) {
        const status = statuses.get(entry.settlement.id) ?? undefined;
        if (entry.completed) {
          // Its handler's own transaction was first, and stands whatever the handler did afterwards; unless it rolled back.
          const stands = (status ?? 'succeeded') === 'succeeded' && !rolledBack.has(entry.completedIn ?? '');
          this.ended({ ...entry, error: undefined }, stands ? 'succeeded' : 'lost', false);
        } else {
          // An earlier write of it was committed, unless somebody cancelled the task before; one that was armed again since tells nothing.
          this.ended(entry, status === 'cancelled' && entry.as !== 'cancelled' ? 'lost' : entry.as, false);
        }
      }
    } catch (error) {
      this.deps.onUnknown(entries, error);
    }
  }

  private ended({ leaseId, task, durationMs, error }: SettlerEntry, as: SettledAs, exhausted: boolean): void {
    const left = (this.pending.get(leaseId) ?? 1) - 1;
    if (left > 0) {
      this.pending.set(leaseId, left);
    } else {
      this.pending.delete(leaseId);
    }
    this.deps.events.emit({
      type: 'attempt-settled',
      ...task,
      as,
      exhausted,
      durationMs,
      error,
    });
  }
}
