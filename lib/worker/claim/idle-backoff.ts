/** So long after the last news a process rests. */
const AFTER_MS = 10_000;
/** How often a process that rests says that it is alive, and asks for tasks. */
export const IDLE_PERIOD_MS = 6000;

export interface IdleBackoffDeps {
  /** Wake-ups are heard. */
  isListening(): boolean;
  /** Attempts run or wait, or outcomes are to be written. */
  hasWork(): boolean;
}

/**
 * Whether this process may ask the database less often: nobody in the cluster has anything to do, and a wake-up would be heard. It goes on
 * at the usual pace at the first news. Who has nothing to do says in advance that he is alive, by which the others know it.
 */
export class IdleBackoff {
  /** Whether no other process has anything to do, as the last heartbeat saw them. */
  othersAreIdle = false;
  private newsAt = performance.now();

  constructor(private readonly deps: IdleBackoffDeps) {}

  /** Something was pushed, claimed or found. */
  news(): void {
    this.newsAt = performance.now();
  }

  /** This process has had nothing to do for a while. */
  get hasNothing(): boolean {
    return performance.now() - this.newsAt >= AFTER_MS && !this.deps.hasWork();
  }

  /** The same, and it would hear of something. */
  get isIdle(): boolean {
    return this.deps.isListening() && this.hasNothing;
  }

  /** Nobody has. */
  get isDue(): boolean {
    return this.othersAreIdle && this.isIdle;
  }
}
