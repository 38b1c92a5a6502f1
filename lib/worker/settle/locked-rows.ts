/** How often the rows are looked at. */
const LOOK_MS = 500;

interface Outcome {
  readonly settlement: { readonly id: number };
}

export interface LockedRowsDeps<T extends Outcome> {
  /** The tasks of these outcomes whose rows another transaction holds. */
  findHeld(entries: readonly T[]): Promise<ReadonlySet<number>>;
  /** The rows of these outcomes are free again. */
  onFree(entries: readonly T[]): void;
}

/**
 * Outcomes whose rows another transaction holds: one of the application's that cancels, replaces or completes the task and goes
 * on for who knows how long. They wait here, so that no other outcome waits behind them.
 */
export class LockedRows<T extends Outcome> {
  private entries: T[] = [];
  private timer: NodeJS.Timeout | undefined;
  private closed = false;

  constructor(private readonly deps: LockedRowsDeps<T>) {}

  get all(): readonly T[] {
    return this.entries;
  }

  /** Keeps the outcomes that have to wait. @returns the others */
  async divide(entries: readonly T[]): Promise<T[]> {
    const held = await this.deps.findHeld(entries);
    this.entries.push(...entries.filter(({ settlement }) => held.has(settlement.id)));
    this.schedule();
    return entries.filter(({ settlement }) => !held.has(settlement.id));
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
  }

  private schedule(): void {
    if (this.entries.length > 0 && !this.closed) {
      this.timer ??= setTimeout(() => void this.look(), LOOK_MS);
    }
  }

  private async look(): Promise<void> {
    const asked = [...this.entries];
    // While nobody can be asked, they may as well be tried.
    const held = await this.deps.findHeld(asked).catch((): ReadonlySet<number> => new Set());
    const free = new Set(asked.filter(({ settlement }) => !held.has(settlement.id)));
    this.entries = this.entries.filter((entry) => !free.has(entry));
    this.timer = undefined;
    this.schedule();
    this.deps.onFree([...free]);
  }
}
