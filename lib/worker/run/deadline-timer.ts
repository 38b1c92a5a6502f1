import type { Attempt } from './attempt.js';

/** Ends the attempts of a kind whose time is over. One timer serves all of them: their time-outs are equal, so the oldest is the first. */
export class DeadlineTimer {
  private timer: NodeJS.Timeout | undefined;

  /**
   * @param attempts those that run, in the order of their start
   * @param expire ends one, which is no longer among them then
   */
  constructor(
    private readonly timeoutMs: number,
    private readonly attempts: () => Iterable<Attempt>,
    private readonly expire: (attempt: Attempt) => void,
  ) {}

  /** An attempt has begun. */
  watch(): void {
    this.timer ??= setTimeout(() => this.look(), this.timeoutMs);
  }

  close(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  private look(): void {
    this.timer = undefined;
    for (const attempt of this.attempts()) {
      const left = attempt.deadline - performance.now();
      if (left > 0) {
        // A task that took over a slot may have set it.
        clearTimeout(this.timer);
        this.timer = setTimeout(() => this.look(), Math.ceil(left));
        return;
      }
      this.expire(attempt);
    }
  }
}
