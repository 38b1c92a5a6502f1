import type { LimitedAnswer } from '../../task/claim.js';
import type { WorkerPool } from '../run/worker-pool.js';

/** A claim looks at the sizes of so many more payloads than are expected to fit. */
const SPARE = 1.25;
/** The first claim looks at no more. */
const FIRST_ROWS = 50;
/** Payloads of which so many times as much as a claim may bring would fit need not be looked at beforehand. */
const AMPLE = 100;

/**
 * How much payload this process may hold: what runs or waits, and what the next claim brings. While payloads are small, which the
 * database tells with each claim for next to nothing, sizes are not looked at.
 */
export class PayloadBudget {
  private meanBytes: number;
  private sized = true;
  private holdsLarge = false;

  constructor(
    private readonly maxBytes: number,
    private readonly pools: ReadonlyMap<number, WorkerPool>,
  ) {
    this.meanBytes = maxBytes / FIRST_ROWS;
  }

  /** Whether the next claim looks at sizes before it takes anything. The first is careful: nothing is known yet. */
  get isSized(): boolean {
    return this.sized;
  }

  /** How many bytes the next claim may bring; below 1: none. */
  get left(): number {
    return this.maxBytes - this.held();
  }

  /** How many rows of the ones asked for to look at. */
  rows(most: number): number {
    if (!this.sized || this.meanBytes === 0) {
      return most;
    }
    return Math.max(1, Math.min(most, Math.floor((this.left / this.meanBytes) * SPARE)));
  }

  /** Takes in what a claim brought, of at most so many rows. */
  answered({ tasks, isWithheld }: LimitedAnswer, most: number): void {
    if (tasks.length === 0) {
      return;
    }
    const areSmall = tasks[0]!.bytes === undefined;
    const bytes = areSmall ? 0 : tasks.reduce((sum, task) => sum + task.bytes!, 0);
    this.meanBytes = bytes / tasks.length;
    this.holdsLarge ||= bytes > 0;
    this.sized = isWithheld || this.meanBytes * most * AMPLE > this.maxBytes;
  }

  private held(): number {
    if (!this.holdsLarge) {
      return 0;
    }
    let bytes = 0;
    for (const pool of this.pools.values()) {
      for (const { claimed } of pool.attempts()) {
        bytes += claimed.bytes ?? 0;
      }
    }
    this.holdsLarge = bytes > 0;
    return bytes;
  }
}
