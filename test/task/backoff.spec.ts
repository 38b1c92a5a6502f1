import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  equalJitter,
  exponentialBackoff,
  fullJitter,
  type Jitter,
  noJitter,
} from '../../lib/task/backoff.js';
import { InvalidOptionError } from '../../lib/errors/pg-queue.errors.js';

const attempts = fc.integer({ min: 0, max: 32_766 });
const maxima = fc.integer({ min: 0, max: 100 * 365 * 24 * 3600 * 1000 });
const bases = fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1e9, noNaN: true }));
const factors = fc.double({ min: 1, max: 1e6, noNaN: true });

/** The step that the definition gives, computed by multiplying, not by a power. */
function step(base: number, factor: number, max: number, attempt: number): number {
  let value = Math.min(base, max);
  for (let n = 0; n < attempt && value > 0 && value < max; n++) {
    value *= factor;
  }
  return Math.min(value, max);
}

describe('noJitter', () => {
  it('doubles from one second up to its maximum', () => {
    const backoff = noJitter('6s');
    expect([0, 1, 2, 3, 4, 32_766].map(backoff)).toEqual([1000, 2000, 4000, 6000, 6000, 6000]);
  });

  it('never waits longer than a maximum below one second', () => {
    expect([0, 1, 10].map(noJitter(300))).toEqual([300, 300, 300]);
  });

  it('waits not at all with a maximum of 0, whatever the attempt', () => {
    expect([0, 1, 1023, 1024, 32_766].map(noJitter(0))).toEqual([0, 0, 0, 0, 0]);
  });
});

describe('equalJitter', () => {
  it('stays in the upper half of the step', () => {
    fc.assert(
      fc.property(maxima, attempts, (max, attempt) => {
        const full = step(1000, 2, max, attempt);
        const delay = equalJitter(max)(attempt) as number;
        expect(delay).toBeGreaterThanOrEqual(full / 2);
        expect(delay).toBeLessThanOrEqual(full);
      }),
    );
  });

  it('is spread evenly over that half', () => {
    const { low, high, mean } = sample(() => equalJitter('10m')(4) as number);
    expect(low).toBeGreaterThanOrEqual(8000);
    expect(low).toBeLessThan(8200);
    expect(high).toBeGreaterThan(15_800);
    expect(high).toBeLessThanOrEqual(16_000);
    expect(Math.abs(mean - 12_000)).toBeLessThan(200);
  });
});

describe('fullJitter', () => {
  it('stays between 0 and the step', () => {
    fc.assert(
      fc.property(maxima, attempts, (max, attempt) => {
        const delay = fullJitter(max)(attempt) as number;
        expect(delay).toBeGreaterThanOrEqual(0);
        expect(delay).toBeLessThanOrEqual(step(1000, 2, max, attempt));
      }),
    );
  });

  it('is spread evenly over the whole step', () => {
    const { low, high, mean } = sample(() => fullJitter('10m')(4) as number);
    expect(low).toBeLessThan(400);
    expect(high).toBeGreaterThan(15_600);
    expect(Math.abs(mean - 8000)).toBeLessThan(400);
  });
});

describe('exponentialBackoff', () => {
  it('is min(max, base × factor^attempt) without jitter', () => {
    const backoff = exponentialBackoff({ base: '2s', factor: 3, max: '1m', jitter: 'none' });
    expect([0, 1, 2, 3, 4].map(backoff)).toEqual([2000, 6000, 18_000, 54_000, 60_000]);
  });

  it('has the defaults 1 s, 1 h, factor 2 and equal jitter', () => {
    fc.assert(
      fc.property(attempts, (attempt) => {
        const full = step(1000, 2, 3_600_000, attempt);
        const delay = exponentialBackoff()(attempt) as number;
        expect(delay).toBeGreaterThanOrEqual(full / 2);
        expect(delay).toBeLessThanOrEqual(full);
      }),
    );
  });

  it('is a finite delay of at most max, for every attempt a task may have', () => {
    fc.assert(
      fc.property(
        bases,
        maxima,
        factors,
        attempts,
        fc.constantFrom<Jitter>('none', 'equal', 'full'),
        (base, max, factor, attempt, jitter) => {
          const delay = exponentialBackoff({ base, max, factor, jitter })(attempt) as number;
          expect(Number.isFinite(delay)).toBe(true);
          expect(delay).toBeGreaterThanOrEqual(0);
          expect(delay).toBeLessThanOrEqual(max);
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('never shrinks from one attempt to the next without jitter', () => {
    fc.assert(
      fc.property(bases, maxima, factors, attempts, (base, max, factor, attempt) => {
        const backoff = exponentialBackoff({ base, max, factor, jitter: 'none' });
        expect(backoff(attempt + 1) as number).toBeGreaterThanOrEqual(backoff(attempt) as number);
      }),
    );
  });

  it.each([
    ['backoff max', { max: Number.NaN }],
    ['backoff max', { max: -1 }],
    ['backoff max', { max: Number.POSITIVE_INFINITY }],
    ['backoff max', { max: 'soon' }],
    ['backoff max', { max: '200 years' }],
    ['backoff base', { base: -1 }],
    ['backoff base', { base: null as never }],
    ['backoff factor', { factor: 0.5 }],
    ['backoff factor', { factor: Number.NaN }],
    ['backoff factor', { factor: Number.POSITIVE_INFINITY }],
    ['backoff factor', { factor: '2' as never }],
    ['backoff jitter', { jitter: 'some' as never }],
  ])('refuses a wrong %s: %o', (field, options) => {
    const [value] = Object.values(options);
    expect(() => exponentialBackoff(options)).toThrow(
      expect.toSatisfy(
        (error) =>
          error instanceof InvalidOptionError && error.field === field && Object.is(error.value, value),
      ),
    );
  });

  it.each([equalJitter, fullJitter, noJitter])('refuses a wrong maximum in $name', (strategy) => {
    expect(() => strategy(-1)).toThrow('backoff max: must be from 0 to 3155760000000 ms, got -1');
  });
});

function sample(draw: () => number) {
  const drawn = Array.from({ length: 10_000 }, draw);
  return {
    low: Math.min(...drawn),
    high: Math.max(...drawn),
    mean: drawn.reduce((sum, value) => sum + value, 0) / drawn.length,
  };
}
