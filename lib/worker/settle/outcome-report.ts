import type { SettleRepository } from '../../storage/settle.repository.js';
import type { SettledAs } from '../../task/task-name.js';
import type { SettleAnswer } from '../../task/settlement.js';
import type { WorkerBase } from '../worker-base.js';
import type { SettlerEntry } from './settler-entry.js';

/** Reports what became of outcomes, and counts by lease those that are not written yet. */
export class OutcomeReport {
  private readonly pending = new Map<number, number>();
  /** The outcomes whose loss was reported already. */
  private readonly reported = new WeakSet<SettlerEntry>();

  /** @param onUnknown is called with outcomes of which it could not be found out what became */
  constructor(
    private readonly base: Pick<WorkerBase, 'events' | 'held' | 'claims'>,
    private readonly repository: SettleRepository,
    private readonly onUnknown: (entries: readonly SettlerEntry[], error: unknown) => void,
  ) {}

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
      const mayBeWritten = entry.uncertain && this.base.held.holds(entry.leaseId);
      const isWritten = settled === null || settled.has(id);
      if (!isWritten && (entry.completed || (mayBeWritten && write !== 'reopen'))) {
        doubtful.push(entry);
        continue;
      }
      const written = isWritten || mayBeWritten;
      this.ended(entry, written ? entry.as : 'lost', exhausted.has(id));
      if (written && write === 'reopen' && !exhausted.has(id)) {
        this.base.claims.expect(entry.settlement.delayMs);
      }
    }
    if (doubtful.length > 0) {
      await this.reportDoubtful(doubtful);
    }
  }

  lost(entry: SettlerEntry): void {
    if (!this.reported.has(entry)) {
      this.reported.add(entry);
      this.ended(entry, 'lost', false);
    }
  }

  /** Reports outcomes that were written before this write, as their rows say. */
  private async reportDoubtful(entries: readonly SettlerEntry[]): Promise<void> {
    try {
      const { repository } = this;
      const found = await repository.findLost(entries.map(({ settlement }) => settlement));
      const rolledBack = await repository.findRolledBack(
        entries.flatMap(({ completedIn }) => completedIn ?? []),
      );
      const statuses = new Map(found.map(({ id, status }) => [id, status]));
      for (const entry of entries) {
        const status = statuses.get(entry.settlement.id) ?? undefined;
        if (entry.completed) {
          // The handler's own transaction was first, and stands whatever the handler did afterwards; unless it rolled back.
          const stands = (status ?? 'succeeded') === 'succeeded' && !rolledBack.has(entry.completedIn ?? '');
          this.ended({ ...entry, error: undefined }, stands ? 'succeeded' : 'lost', false);
        } else {
          // An earlier write was committed, unless somebody cancelled the task before; a row that was armed again since shows nothing.
          this.ended(entry, status === 'cancelled' && entry.as !== 'cancelled' ? 'lost' : entry.as, false);
        }
      }
    } catch (error) {
      this.onUnknown(entries, error);
    }
  }

  private ended({ leaseId, task, durationMs, error }: SettlerEntry, as: SettledAs, exhausted: boolean): void {
    const left = (this.pending.get(leaseId) ?? 1) - 1;
    if (left > 0) {
      this.pending.set(leaseId, left);
    } else {
      this.pending.delete(leaseId);
    }
    this.base.events.emit({ type: 'attempt-settled', ...task, as, exhausted, durationMs, error });
  }
}
