import type { Attempt } from './attempt.js';

export interface Expiry {
  /** Ends an attempt whose time is over: it is removed from those that run. */
  expire(attempt: Attempt): void;
}

/** Ends the attempts of a kind whose time is over. One timer serves all of them: their timeouts are equal, so the oldest is the first. */
export class DeadlineTimer {
  private timer: NodeJS.Timeout | undefined;

  /** @param attempts those that run, in the order of their start */
  constructor(
    private readonly timeoutMs: number,
    private readonly attempts: ReadonlyMap<number, Attempt>,
    private readonly expiry: Expiry,
  ) {}

  /** An attempt has begun. */
  watch(): void {
    this.timer ??= setTimeout(() => this.check(), this.timeoutMs);
  }

  close(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  private check(): void {
    this.timer = undefined;
    for (const attempt of this.attempts.values()) {
      const left = attempt.deadline - performance.now();
      if (left > 0) {
        // A task that took over a slot may have set the timer.
        clearTimeout(this.timer);
        this.timer = setTimeout(() => this.check(), Math.ceil(left));
        return;
      }
      this.expiry.expire(attempt);
    }
  }
}
