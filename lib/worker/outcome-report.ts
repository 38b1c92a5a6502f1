import type { SettleRepository } from '../storage/settle.repository.js';
import type { SettledAs, ShardEventSink } from '../task/queue-events.js';
import type { SettleAnswer } from '../task/settlement.js';
import type { SettlerEntry } from './settler-entry.js';

export interface OutcomeReportDeps {
  repository: Pick<SettleRepository, 'findLost' | 'findRolledBack'>;
  events: ShardEventSink;
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
    const completed: SettlerEntry[] = [];
    for (const entry of entries) {
      const { id, write } = entry.settlement;
      const written =
        settled === null || settled.has(id) || (entry.uncertain && this.deps.holds(entry.leaseId));
      if (!written && entry.completed) {
        completed.push(entry);
        continue;
      }
      this.ended(entry, written ? entry.as : 'lost', exhausted.has(id));
      if (written && write === 'reopen' && !exhausted.has(id)) {
        this.deps.onReopened(entry.settlement.delayMs);
      }
    }
    if (completed.length > 0) {
      await this.reportCompleted(completed);
    }
  }

  lost(entry: SettlerEntry): void {
    if (!this.told.has(entry)) {
      this.told.add(entry);
      this.ended(entry, 'lost', false);
    }
  }

  /** Their handlers' own transactions were first, and stand whatever the handlers did afterwards; unless they rolled back. */
  private async reportCompleted(entries: readonly SettlerEntry[]): Promise<void> {
    try {
      const { repository } = this.deps;
      const found = await repository.findLost(entries.map(({ settlement }) => settlement));
      const rolledBack = await repository.findRolledBack(
        entries.flatMap(({ completedIn }) => completedIn ?? []),
      );
      const statuses = new Map(found.map(({ id, status }) => [id, status]));
      for (const entry of entries) {
        const status = statuses.get(entry.settlement.id) ?? 'succeeded';
        const stands = status === 'succeeded' && !rolledBack.has(entry.completedIn ?? '');
        this.ended({ ...entry, error: undefined }, stands ? 'succeeded' : 'lost', false);
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
