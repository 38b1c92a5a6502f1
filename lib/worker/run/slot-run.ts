/**
 * What an attempt is to its slot. It is `waiting` while it was prefetched and has no slot yet; `beginning` while it holds one and the
 * database is told first; `running` while it holds one and its outcome counts; `abandoned` when it has given the slot up though its
 * handler still runs; `ended` when it is over.
 */
export type SlotState = 'waiting' | 'beginning' | 'running' | 'abandoned' | 'ended';

/** One run in a slot: its state there, its time, and the signal that ends it. */
export class SlotRun {
  state: SlotState = 'waiting';
  /** When the run is over, whatever its handler does, by `performance.now()`. */
  deadline = Number.POSITIVE_INFINITY;
  startedAt = performance.now();
  /** Whether an event has reported that its handler still ran when it had given up its slot. */
  reported = false;
  private controller: AbortController | undefined;
  private abortReason: Error | undefined;

  start(timeoutMs: number, now: number): void {
    this.state = 'running';
    this.startedAt = now;
    this.deadline = now + timeoutMs;
  }

  /** The signal is made when a handler first reads it: most never do. */
  get signal(): AbortSignal {
    if (!this.controller) {
      this.controller = new AbortController();
      if (this.abortReason) {
        this.controller.abort(this.abortReason);
      }
    }
    return this.controller.signal;
  }

  get aborted(): Error | undefined {
    return this.abortReason;
  }

  /** Aborts the signal; the first reason stays. */
  abort(reason: Error): void {
    if (!this.abortReason) {
      this.abortReason = reason;
      this.controller?.abort(reason);
    }
  }

  get durationMs(): number {
    return performance.now() - this.startedAt;
  }
}
