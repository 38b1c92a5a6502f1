/** How often a process checks whether it is idle. */
const PERIOD_MS = 10_000;
/** Reading the table takes this share of the time at most. */
const SHARE = 0.02;

export interface IdleWatchDeps {
  /** Whether this process has had nothing to do for a while, and nothing is stored that has not ended. */
  hasNothing(): Promise<boolean>;
  /** There is nothing to do. It resolves when there is again, or the process has come to its end. */
  onIdle(): Promise<void>;
  onError(error: unknown): void;
}

/** Finds out when there is nothing to do in a database, so that it may sleep. */
export class IdleWatch {
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;

  constructor(private readonly deps: IdleWatchDeps) {}

  start(delayMs = PERIOD_MS): void {
    this.timer = setTimeout(() => void this.check(), delayMs);
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  /** Never rejects. */
  private async check(): Promise<void> {
    const { hasNothing, onIdle, onError } = this.deps;
    const startedAt = performance.now();
    let tookMs = 0;
    try {
      const isIdle = await hasNothing();
      tookMs = performance.now() - startedAt;
      if (isIdle && !this.stopped) {
        await onIdle();
      }
    } catch (error) {
      tookMs ||= performance.now() - startedAt;
      onError(error);
    }
    if (!this.stopped) {
      this.start(Math.max(PERIOD_MS, tookMs / SHARE));
    }
  }
}
