/** The numbers of values by bucket; buckets at the end that are empty may be missing. */
export type Buckets = readonly number[];

/** Estimated from a histogram, in milliseconds: the true values are up to a fifth lower. 1 stands for anything shorter too. */
export interface Percentiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

/** The end of a bucket is 1.25 times the end of the bucket before, so that it exceeds each value of the bucket by a quarter at most. */
const GROWTH = 1.25;
const PER_LOG = 1 / Math.log(GROWTH);
/** The first bucket ends at 1 ms and the last one at 18 days; longer durations are counted in the last one. */
export const BUCKETS = 96;

/** The bucket of a duration. */
export function bucketOf(ms: number): number {
  return ms > 1 ? Math.min(BUCKETS - 1, Math.ceil(Math.log(ms) * PER_LOG)) : 0;
}

/** The end of a bucket, in ms. */
export function endOf(bucket: number): number {
  return GROWTH ** bucket;
}

/** The ends of the buckets that the percentiles fall into; null when there are no values. */
export function percentilesOf(buckets: Buckets): Percentiles | null {
  const total = buckets.reduce((sum, n) => sum + n, 0);
  if (total === 0) {
    return null;
  }
  const at = (share: number) => endOf(bucketAt(buckets, Math.ceil(total * share)));
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}

/** The bucket that holds the value of this rank, counted from 1. */
function bucketAt(buckets: Buckets, rank: number): number {
  let seen = 0;
  return buckets.findIndex((n) => (seen += n) >= rank);
}
