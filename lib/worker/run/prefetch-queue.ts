import type { Attempt } from './attempt.js';
import type { PrefetchSize } from './prefetch-size.js';
import type { RunningAttempts } from './running-attempts.js';

/** Prefetched tasks are given back when none of them could start for so long. */
const LONGEST_WAIT_MS = 50;

/** The prefetched attempts of a kind: they have a lease and no slot yet. */
export class PrefetchQueue {
  private readonly attempts = new Map<number, Attempt>();
  private lastStartAt = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly prefetch: PrefetchSize,
    private readonly running: RunningAttempts,
  ) {}

  get size(): number {
    return this.attempts.size;
  }

  get(taskId: number): Attempt | undefined {
    return this.attempts.get(taskId);
  }

  values(): Iterable<Attempt> {
    return this.attempts.values();
  }

  /** Returns how many more tasks to prefetch. */
  room(slots: number): number {
    return this.prefetch.room(slots, this.size);
  }

  /** An attempt has begun, from this queue or beside it. */
  started(now: number): void {
    this.lastStartAt = now;
  }

  add(attempt: Attempt): void {
    this.attempts.set(attempt.id, attempt);
    this.timer ??= setTimeout(() => this.check(), LONGEST_WAIT_MS);
  }

  /** Takes the first attempt out of the queue. */
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
    attempts.forEach((attempt) => this.running.giveBack(attempt));
  }

  close(): void {
    clearTimeout(this.timer);
  }

  /** A long task may have the slot that these were claimed for: another process may have one free. */
  private check(): void {
    this.timer = undefined;
    if (this.size === 0) {
      return;
    }
    if (this.isStuck) {
      // After a stall of the process itself the slot's task may be about to end.
      setImmediate(() => this.giveBackStuck());
    } else {
      this.timer ??= setTimeout(() => this.check(), LONGEST_WAIT_MS);
    }
  }

  private giveBackStuck(): void {
    if (this.size > 0 && this.isStuck) {
      this.prefetch.wasTooFar();
      this.giveBackAll();
    } else {
      this.check();
    }
  }

  private get isStuck(): boolean {
    return performance.now() - this.lastStartAt >= LONGEST_WAIT_MS;
  }
}
