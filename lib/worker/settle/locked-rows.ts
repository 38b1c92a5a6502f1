import type { SettleRepository } from '../../storage/settle.repository.js';
import type { SettlerEntry } from './settler-entry.js';

/** How often the locks of the rows are read. */
const RECHECK_MS = 500;

/**
 * Outcomes whose rows another transaction holds: one of the application's that cancels, replaces or completes the task, and stays open
 * for an unknown time. They wait here, so that no other outcome waits behind them.
 */
export class LockedRows {
  private entries: SettlerEntry[] = [];
  private timer: NodeJS.Timeout | undefined;
  private closed = false;

  /** @param onFree is called with the outcomes whose rows are free again */
  constructor(
    private readonly repository: SettleRepository,
    private readonly onFree: (entries: readonly SettlerEntry[]) => void,
  ) {}

  get all(): readonly SettlerEntry[] {
    return this.entries;
  }

  /** Keeps the outcomes that have to wait. @returns the others */
  async divide(entries: readonly SettlerEntry[]): Promise<SettlerEntry[]> {
    const held = await this.findHeld(entries);
    this.entries.push(...entries.filter(({ settlement }) => held.has(settlement.id)));
    this.schedule();
    return entries.filter(({ settlement }) => !held.has(settlement.id));
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
  }

  /** Returns the tasks of these outcomes whose rows another transaction holds. */
  private findHeld(entries: readonly SettlerEntry[]): Promise<ReadonlySet<number>> {
    return this.repository.findHeld(entries.map(({ settlement }) => settlement));
  }

  private schedule(): void {
    if (this.entries.length > 0 && !this.closed) {
      this.timer ??= setTimeout(() => void this.recheck(), RECHECK_MS);
    }
  }

  private async recheck(): Promise<void> {
    const waiting = [...this.entries];
    // Where that fails, the outcomes may as well be tried.
    const held = await this.findHeld(waiting).catch((): ReadonlySet<number> => new Set());
    const free = new Set(waiting.filter(({ settlement }) => !held.has(settlement.id)));
    this.entries = this.entries.filter((entry) => !free.has(entry));
    this.timer = undefined;
    this.schedule();
    this.onFree([...free]);
  }
}
