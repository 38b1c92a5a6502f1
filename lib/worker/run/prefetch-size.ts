/** Prefetched tasks may take so long in all, by what the last tasks took: about one claim's way to the database and back. */
const HORIZON_MS = 5;
/** No more tasks are prefetched, however fast they are. */
const MOST = 200;
/** No handler counts as faster. */
const SHORTEST_MS = 0.02;
/** So many tasks in a row must have been fast before any is prefetched; twice as many after each time that too many were. */
const FIRST_STREAK = 32;
const LONGEST_STREAK = 2 ** 20;

/**
 * How many tasks to claim beyond the free slots, so that a slot need not wait for a claim between two short tasks. It is none,
 * unless the last tasks were all so short that prefetched ones run within milliseconds.
 */
export class PrefetchSize {
  private streak = 0;
  private needed = FIRST_STREAK;
  private meanMs = 0;

  /** A handler has ended after so long. */
  ended(durationMs: number): void {
    if (durationMs > HORIZON_MS) {
      this.streak = 0;
      return;
    }
    this.streak++;
    this.meanMs += (durationMs - this.meanMs) / Math.min(this.streak, FIRST_STREAK);
  }

  /** Prefetched tasks had to be given back. */
  wasTooFar(): void {
    this.streak = 0;
    this.needed = Math.min(this.needed * 2, LONGEST_STREAK);
  }

  /** Returns how many tasks to prefetch when `waiting` wait already: none, or enough for a claim to be worth it. */
  room(slots: number, waiting: number): number {
    if (this.streak < this.needed) {
      return 0;
    }
    const most = Math.min(MOST, Math.floor((slots * HORIZON_MS) / Math.max(this.meanMs, SHORTEST_MS)));
    return waiting * 2 > most ? 0 : most - waiting;
  }
}
