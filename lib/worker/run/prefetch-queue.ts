import type { Attempt } from './attempt.js';
import { PrefetchSize } from './prefetch-size.js';

/** What was claimed ahead is given back when none of it could start for so long. */
const LONGEST_WAIT_MS = 50;

/** The attempts of a kind that were claimed ahead: they have a lease and no slot yet. */
export class PrefetchQueue {
  private readonly attempts = new Map<number, Attempt>();
  private readonly ahead = new PrefetchSize();
  private lastStartAt = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly giveBack: (attempt: Attempt) => void) {}

  get size(): number {
    return this.attempts.size;
  }

  get(taskId: number): Attempt | undefined {
    return this.attempts.get(taskId);
  }

  values(): Iterable<Attempt> {
    return this.attempts.values();
  }

  /** How many more to claim ahead. */
  room(slots: number): number {
    return this.ahead.room(slots, this.size);
  }

  /** An attempt has begun, from the line or beside it. */
  started(): void {
    this.lastStartAt = performance.now();
  }

  /** An attempt's body ended after so long. */
  ended(durationMs: number): void {
    this.ahead.ended(durationMs);
  }

  join(attempt: Attempt): void {
    this.attempts.set(attempt.id, attempt);
    this.timer ??= setTimeout(() => this.look(), LONGEST_WAIT_MS);
  }

  /** The first leaves the line. */
  next(): Attempt | undefined {
    for (const attempt of this.attempts.values()) {
      this.attempts.delete(attempt.id);
      return attempt;
    }
    return undefined;
  }

  giveBackAll(): void {
    const attempts = [...this.attempts.values()];
    this.attempts.clear();
    attempts.forEach((attempt) => this.giveBack(attempt));
  }

  close(): void {
    clearTimeout(this.timer);
  }

  /** A long task may have the slot that these were claimed for: others may have one free. */
  private look(): void {
    this.timer = undefined;
    if (this.size === 0) {
      return;
    }
    if (this.isStuck) {
      // After a stall of the process itself the slot's task may be about to end.
      setImmediate(() => this.giveBackStuck());
    } else {
      this.timer ??= setTimeout(() => this.look(), LONGEST_WAIT_MS);
    }
  }

  private giveBackStuck(): void {
    if (this.size > 0 && this.isStuck) {
      this.ahead.wasTooFar();
      this.giveBackAll();
    } else {
      this.look();
    }
  }

  private get isStuck(): boolean {
    return performance.now() - this.lastStartAt >= LONGEST_WAIT_MS;
  }
}
