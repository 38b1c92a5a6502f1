import type { ClaimLimits, LimitedAnswer } from '../../task/claim.js';
import type { WorkerPool } from '../run/worker-pool.js';

/** A claim reads the sizes of so many more payloads than are expected to fit. */
const SPARE = 1.25;
/** The first claim reads no more. */
const FIRST_ROWS = 50;
/** The sizes of payloads need not be read beforehand when so many times as much as a claim may bring would fit. */
const AMPLE = 100;

/**
 * How much payload this process may hold: what runs or waits, and what the next claim brings. While payloads are small, which the
 * database reports with each claim for next to nothing, sizes are not read.
 */
export class PayloadBudget {
  private meanBytes: number;
  private sized = true;
  private holdsLarge = false;

  /** @param mostRows how many rows a claim may bring */
  constructor(
    private readonly maxBytes: number,
    private readonly mostRows: number,
    private readonly pools: ReadonlyMap<number, WorkerPool>,
  ) {
    this.meanBytes = maxBytes / FIRST_ROWS;
  }

  /** How many bytes the next claim may bring; below 1 it may bring none. */
  get left(): number {
    let left = this.maxBytes;
    if (this.holdsLarge) {
      for (const pool of this.pools.values()) {
        for (const { claimed } of pool.attempts()) {
          left -= claimed.bytes ?? 0;
        }
      }
      this.holdsLarge = left < this.maxBytes;
    }
    return left;
  }

  /** Returns the limits of the next claim, which passes over `except`. The first claim reads sizes first: nothing is known yet. */
  limits(except: readonly number[]): ClaimLimits {
    return { maxBytes: Math.max(1, this.left), isSized: this.sized, except };
  }

  /** Returns how many of the rows that a claim asks for it may read. */
  rows(most: number): number {
    if (!this.sized || this.meanBytes === 0) {
      return most;
    }
    return Math.max(1, Math.min(most, Math.floor((this.left / this.meanBytes) * SPARE)));
  }

  /** Takes in what a claim brought. */
  answered({ tasks, isWithheld }: LimitedAnswer): void {
    if (tasks.length === 0) {
      return;
    }
    const areSmall = tasks[0]!.bytes === undefined;
    const bytes = areSmall ? 0 : tasks.reduce((sum, task) => sum + task.bytes!, 0);
    this.meanBytes = bytes / tasks.length;
    this.holdsLarge ||= bytes > 0;
    this.sized = isWithheld || this.meanBytes * this.mostRows * AMPLE > this.maxBytes;
  }
}
