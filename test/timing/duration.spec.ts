import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  MAX_DURATION_MS,
  MAX_TIMER_MS,
  toMilliseconds,
  toTimerMilliseconds,
} from '../../lib/timing/duration.js';
import { InvalidOptionError } from '../../lib/errors/pg-queue.errors.js';
import { anyText } from '../support/texts.js';

const WRONG: unknown[] = [
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  -1,
  -0.001,
  MAX_DURATION_MS + 1000,
  '',
  ' ',
  'soon',
  '1 fortnight',
  '-1s',
  '101y',
  'NaN',
  'Infinity',
  '1s; DROP TABLE pgqueue',
  'x'.repeat(10_000),
  undefined,
  null,
  true,
  {},
  [],
  [1],
  1n,
  Symbol('s'),
  () => 1,
  new Date(),
];

function outcome(text: string): [millis?: number, error?: unknown] {
  try {
    return [toMilliseconds('delay', text)];
  } catch (error) {
    return [undefined, error];
  }
}

describe('toMilliseconds', () => {
  it.each([
    [0, 0],
    [1.5, 1.5],
    ['90s', 90_000],
    ['1h', 3_600_000],
    ['3 days', 259_200_000],
    ['100', 100],
    ['0', 0],
    [MAX_DURATION_MS, MAX_DURATION_MS],
    ['99y', 99 * 365.25 * 24 * 3600 * 1000],
  ])('reads %o', (value, millis) => {
    expect(toMilliseconds('delay', value)).toBe(millis);
  });

  it.each(WRONG.map((value) => [value]))('H7: refuses %o, naming the field and the value', (value) => {
    expect(() => toMilliseconds('delay', value as never)).toThrow(
      expect.toSatisfy(
        (error) =>
          error instanceof InvalidOptionError &&
          error.field === 'delay' &&
          Object.is(error.value, value) &&
          error.message.startsWith('delay: must be ') &&
          error.message.length < 300,
      ),
    );
  });

  it('returns a number within the range or throws, for any text', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), anyText()), (text) => {
        const [millis, error] = outcome(text);
        expect(error === undefined || error instanceof InvalidOptionError).toBe(true);
        expect(error !== undefined || (millis! >= 0 && millis! <= MAX_DURATION_MS)).toBe(true);
      }),
    );
  });
});

describe('toTimerMilliseconds', () => {
  it('takes what a timer can wait for', () => {
    expect(toTimerMilliseconds('period', 1)).toBe(1);
    expect(toTimerMilliseconds('period', MAX_TIMER_MS)).toBe(2_147_483_647);
    expect(toTimerMilliseconds('period', '24d')).toBe(2_073_600_000);
    expect(toTimerMilliseconds('period', 0, 0)).toBe(0);
  });

  it.each([0, 0.5, MAX_TIMER_MS + 1, '25d', '1y'])(
    'H7: refuses %o, for which a timer would fire at once',
    (value) => {
      expect(() => toTimerMilliseconds('period', value)).toThrow(
        /^period: must be from 1 to 2147483647 ms, got /,
      );
    },
  );
});
