import { MAX_ACTIVITY_MINUTES } from '../inspect/activity.js';
import type { KindTally } from '../inspect/activity-tally.js';
import type { Buckets } from '../inspect/histogram.js';
import { OwnRepository } from './own-repository.js';
import { intArray } from './pg-array.js';

/** The numbers of outcomes per minute and kind, which worker processes write. */
export class ActivityRepository extends OwnRepository {
  /** Adds to the current minute. */
  async add(tallies: ReadonlyMap<number, KindTally>): Promise<void> {
    const kinds = [...tallies].toSorted(([a], [b]) => a - b);
    await this.query('addActivity', [
      intArray(kinds, ([kind]) => kind),
      intArray(kinds, ([, { succeeded }]) => succeeded),
      intArray(kinds, ([, { failed }]) => failed),
      intArray(kinds, ([, { exhausted }]) => exhausted),
      kinds.map(([, { wait }]) => bucketArray(wait)),
      kinds.map(([, { run }]) => bucketArray(run)),
    ]);
  }

  /** Deletes one batch of the minutes that are not shown any more. @returns how many */
  async expire(batch: number): Promise<number> {
    const [row] = await this.query('expireActivity', [MAX_ACTIVITY_MINUTES, batch]);
    return Number(row!['count']);
  }
}

/** The buckets as an array, without the empty ones at the end, which are the most. */
function bucketArray(buckets: Buckets): string {
  const length = buckets.findLastIndex((n) => n > 0) + 1;
  return intArray(buckets.slice(0, length), Number);
}
