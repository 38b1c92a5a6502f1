import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BUCKETS, bucketOf, endOf, percentilesOf } from '../../lib/inspect/histogram.js';

const durations = fc.array(fc.double({ min: 1, max: endOf(BUCKETS - 1), noNaN: true }), {
  minLength: 1,
  maxLength: 300,
});

function bucketsOf(values: readonly number[]): number[] {
  const buckets: number[] = Array.from({ length: BUCKETS }, () => 0);
  values.forEach((ms) => buckets[bucketOf(ms)]!++);
  return buckets;
}

/** The value that so large a share of all values does not exceed. */
const exact = (values: readonly number[], share: number) =>
  values.toSorted((a, b) => a - b)[Math.ceil(values.length * share) - 1]!;

describe('the histogram of durations', () => {
  it('estimates percentiles that are never too low, and too high by less than a quarter', () => {
    fc.assert(
      fc.property(durations, (values) => {
        const estimated = percentilesOf(bucketsOf(values))!;
        for (const [name, share] of [['p50', 0.5] as const, ['p95', 0.95] as const, ['p99', 0.99] as const]) {
          const value = exact(values, share);
          expect(estimated[name]).toBeGreaterThanOrEqual(value * (1 - 1e-9));
          expect(estimated[name]).toBeLessThanOrEqual(Math.max(1, value * 1.25) * (1 + 1e-9));
        }
      }),
    );
  });

  it.each([
    [0, 0],
    [-1, 0],
    [0.001, 0],
    [1, 0],
    [1.1, 1],
    [1.3, 2],
    [60_000, 50],
    [Number.MAX_VALUE, BUCKETS - 1],
    [Number.POSITIVE_INFINITY, BUCKETS - 1],
    [Number.NaN, 0],
  ])('has a bucket for %d ms: %d', (ms, bucket) => {
    expect(bucketOf(ms)).toBe(bucket);
  });

  it('reaches from a millisecond to two weeks', () => {
    expect(endOf(0)).toBe(1);
    expect(endOf(BUCKETS - 1)).toBeGreaterThan(14 * 86_400_000);
  });

  it('knows nothing of no values', () => {
    expect(percentilesOf([])).toBeNull();
    expect(percentilesOf([0, 0, 0])).toBeNull();
  });
});
