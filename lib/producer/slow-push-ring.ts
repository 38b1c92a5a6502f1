import type { EventSink } from '../events/queue-events.js';

/**
 * The trigger leaves a ring out when there was one less than 8 ms before, and workers look once more 12 ms after each ring: a push
 * that has committed 4 ms after it was sent is seen by that look.
 */
const COVERED_MS = 4;
/** What is inserted takes so long before the trigger rings, on a slow machine. */
const PER_TASK_MS = 0.03;
/** One ring is heard for all that is seen by the look after it. */
const RING_EVERY_MS = 8;

/**
 * Wakes the workers where a commit takes long: of a push that was slow, whose own ring may have been left out long before it could
 * be seen, and of others beside it, whose rings were left out because of one that is heard only with the slow commit.
 */
export class SlowPushRing {
  private sentAt = Number.NEGATIVE_INFINITY;
  /** No more than one at once: where connections are short, pushes need them more. */
  private isOnItsWay = false;
  /** What is on its way may be heard before a commit that came since. */
  private isWanted = false;

  constructor(
    private readonly send: () => Promise<unknown>,
    private readonly events: EventSink,
  ) {}

  /** Rings when a push of so many tasks, which commits by itself, is not acknowledged in time, and again when it is. */
  async watch<T>(pushed: Promise<T>, tasks: number): Promise<T> {
    const patienceMs = COVERED_MS + tasks * PER_TASK_MS;
    const startedAt = performance.now();
    const timer = setTimeout(() => this.ring(), patienceMs);
    try {
      return await pushed;
    } finally {
      clearTimeout(timer);
      // What rejects may have been stored all the same.
      if (performance.now() - startedAt > patienceMs) {
        this.ring();
      }
    }
  }

  private ring(): void {
    const now = performance.now();
    if (this.isOnItsWay) {
      this.isWanted = true;
      return;
    }
    if (now - this.sentAt < RING_EVERY_MS) {
      return;
    }
    this.sentAt = now;
    this.isOnItsWay = true;
    this.isWanted = false;
    void this.send()
      .catch((error: unknown) => {
        // The fall-back poll finds the tasks.
        this.events.emit({ type: 'connection-failed', role: 'maintenance', error });
      })
      .finally(() => {
        this.isOnItsWay = false;
        if (this.isWanted) {
          this.ring();
        }
      });
  }
}
