import { describe, expect, it } from 'vitest';
import { formatAge, formatCount, formatDuration, plural } from '../../../dashboard/src/format.js';

describe('numbers on the pages', () => {
  it.each([
    [0, false, '0'],
    [9999, false, '9,999'],
    [12_345, false, '12.3K'],
    [1_234_567, true, '≈ 1.23M'],
    [42, true, '≈ 42'],
  ])('%i, approximate: %s', (count, approximate, text) => {
    expect(formatCount({ count, approximate })).toBe(text);
  });

  it.each([
    [0.4, '<1 ms'],
    [12, '12 ms'],
    [999.4, '999 ms'],
    [999.6, '1 s'],
    [1200, '1.2 s'],
    [9960, '10 s'],
    [59_700, '1 min'],
    [61_000, '1 min'],
    [90_000, '1.5 min'],
    [7_200_000, '2 h'],
    [3 * 86_400_000, '3 d'],
  ])('a duration of %d ms', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  it.each([
    [-5, '0 s'],
    [59_999, '59 s'],
    [61_000, '1 min'],
    [12_000_000, '3 h 20 min'],
    [7_200_000, '2 h'],
    [5 * 86_400_000, '5 days'],
  ])('an age of %d ms', (ms, text) => {
    expect(formatAge(ms)).toBe(text);
  });

  it('counts things', () => {
    expect([0, 1, 5000].map((count) => plural(count, 'process', 'processes'))).toEqual([
      '0 processes',
      '1 process',
      '5,000 processes',
    ]);
  });
});
