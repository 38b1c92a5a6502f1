import type { SettleRepository } from '../../storage/settle.repository.js';
import { isCertainlyRolledBack } from '../../storage/sql-state.js';
import type { Settlement } from '../../task/settlement.js';
import type { WorkerBase } from '../worker-base.js';
import type { OutcomeReport } from './outcome-report.js';
import type { SettlerEntry } from './settler-entry.js';

/** Writes outcomes of one sort by one statement. */
export class OutcomeWriter {
  /** How often writing has failed in a row. */
  failures = 0;

  constructor(
    private readonly base: Pick<WorkerBase, 'events' | 'states' | 'held' | 'rewinder'>,
    private readonly repository: SettleRepository,
    private readonly report: OutcomeReport,
  ) {}

  /** Writes the outcomes whose leases are held, and reports what became of all. */
  async writeHeld(entries: readonly SettlerEntry[], as: Settlement['write']): Promise<void> {
    const held = this.heldOf(entries);
    if (held.length > 0 || entries.length === 0) {
      await this.write(held, as);
    }
  }

  /** Writes a batch, which may be empty, and reports what became of it. */
  async write(entries: readonly SettlerEntry[], as: Settlement['write']): Promise<void> {
    const { states, events, rewinder } = this.base;
    const startedAt = performance.now();
    const settlements = entries.map(({ settlement }) => settlement) as never[];
    try {
      await this.report.answered(entries, await this.repository[as](settlements));
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
        rewinder.request();
      }
      events.emit({ type: 'flushed', count: entries.length, durationMs: performance.now() - startedAt });
    }
  }

  /** Returns the outcomes whose leases are held; the others are reported as lost. */
  heldOf(entries: readonly SettlerEntry[]): SettlerEntry[] {
    return entries.filter((entry) => {
      const isHeld = this.base.held.holds(entry.leaseId);
      if (!isHeld) {
        this.report.lost(entry);
      }
      return isHeld;
    });
  }
}
