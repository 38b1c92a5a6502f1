import type { EventSink } from '../events/queue-events.js';
import { BackgroundLoop } from '../timing/background-loop.js';

/**
 * The trigger leaves a wake-up out when there was one less than 8 ms before, and workers claim once more 12 ms after each wake-up: that
 * claim sees a push that has committed 4 ms after it was sent.
 */
const COVERED_MS = 4;
/** The trigger runs so much later for each task of a push, on a slow machine. */
const PER_TASK_MS = 0.03;
/** Whatever commits within this time after a wake-up is seen by the claim that follows it. */
const GAP_MS = 8;

/**
 * Wakes the workers where a commit takes long: for a push that was slow, whose own wake-up may have been left out long before its tasks
 * could be seen, and for others beside it, whose wake-ups were left out because of one that is received only with the slow commit.
 */
export class SlowPushWaker {
  private sentAt = Number.NEGATIVE_INFINITY;
  /** Sends one statement at a time: where connections are short, pushes need them more. */
  private readonly loop: BackgroundLoop;

  /**
   * @param send wakes the workers by a statement
   * @param background calls what is of no single push, in an async context of the queue's own
   */
  constructor(
    private readonly send: () => Promise<unknown>,
    private readonly events: EventSink,
    background: <T>(work: () => T) => T,
  ) {
    this.loop = new BackgroundLoop({ turn: () => this.wakeWorkers(), inContext: background });
  }

  /** Wakes the workers when a push of so many tasks, which commits by itself, is not acknowledged in time, and again when it is. */
  async watch<T>(pushed: Promise<T>, tasks: number): Promise<T> {
    const patienceMs = COVERED_MS + tasks * PER_TASK_MS;
    const startedAt = performance.now();
    const timer = setTimeout(() => this.loop.wake(), patienceMs);
    try {
      return await pushed;
    } finally {
      clearTimeout(timer);
      // A push that rejects may have been stored anyway.
      if (performance.now() - startedAt > patienceMs) {
        this.loop.wake();
      }
    }
  }

  /** Never rejects. */
  private async wakeWorkers(): Promise<void> {
    const now = performance.now();
    if (now - this.sentAt < GAP_MS) {
      return;
    }
    this.sentAt = now;
    try {
      await this.send();
    } catch (error) {
      // The fall-back poll finds the tasks.
      this.events.emit({ type: 'connection-failed', role: 'maintenance', error });
    }
  }
}
