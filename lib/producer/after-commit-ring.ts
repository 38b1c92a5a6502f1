import type { ShardEventSink } from '../task/queue-events.js';

/**
 * A ring covers what commits before it and 5 ms after: the workers look once more 15 ms after the last ring that was sent, which
 * may have been another process's, 10 ms before this one.
 */
const COVERED_MS = 4;

/** Wakes the workers after pushes that have committed, however long their commits took and whatever commits beside them. */
export class AfterCommitRing {
  private sentAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly send: () => Promise<unknown>,
    private readonly events: ShardEventSink,
  ) {}

  /** Rings when these pushes have committed; what they reject with may have been stored all the same. */
  async after<T>(pushed: Promise<T>): Promise<T> {
    try {
      return await pushed;
    } finally {
      this.ring();
    }
  }

  private ring(): void {
    const now = performance.now();
    if (now - this.sentAt < COVERED_MS) {
      return;
    }
    this.sentAt = now;
    this.send().catch((error: unknown) => {
      // The fall-back poll finds the tasks.
      this.events.emit({ type: 'connection-failed', role: 'maintenance', error });
    });
  }
}
