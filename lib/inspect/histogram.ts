/** The numbers of values by bucket; buckets at the end that are empty may be missing. */
export type Buckets = readonly number[];

/** Estimated from a histogram, in milliseconds: the true values are up to a fifth lower. 1 stands for anything shorter too. */
export interface Percentiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

/** Each bucket ends a quarter above the one before, so that its end is up to a quarter above any value in it. */
const GROWTH = 1.25;
const PER_LOG = 1 / Math.log(GROWTH);
/** The first ends at a millisecond, the last at 18 days: it takes what is longer too. */
export const BUCKETS = 96;

/** The bucket of a duration. */
export function bucketOf(ms: number): number {
  return ms > 1 ? Math.min(BUCKETS - 1, Math.ceil(Math.log(ms) * PER_LOG)) : 0;
}

/** Where a bucket ends, in ms. */
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
