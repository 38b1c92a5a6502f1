import { expect, it } from 'vitest';
import { activityOf, checkMinutes } from '../../lib/inspect/activity.js';
import { bucketOf, endOf } from '../../lib/inspect/histogram.js';
import { InvalidOptionError } from '../../lib/errors/pg-queue.errors.js';
import { thrownBy } from '../support/thrown-by.js';

const NEWEST = Date.UTC(2026, 0, 1, 12, 0);
const minute = (back: number) => NEWEST - back * 60_000;
const nothing = { succeeded: 0, failed: 0, exhausted: 0 };

it('shows one point for each minute, without gaps, up to the one that goes on', () => {
  const stored = {
    newest: NEWEST,
    minutes: [
      [2, minute(0), 1, 2, 1],
      [1, minute(2), 7, 0, 0],
      [2, minute(3), 4, 0, 0],
    ] as const,
    totals: [],
    waits: [
      [2, bucketOf(10), 4],
      [2, bucketOf(1000), 1],
    ] as const,
    runs: [[1, 0, 7]] as const,
  };
  expect(activityOf(stored, 4, (kind) => `kind ${kind}`)).toEqual([
    {
      kind: 1,
      name: 'kind 1',
      points: [
        { at: new Date(minute(3)), ...nothing },
        { at: new Date(minute(2)), ...nothing, succeeded: 7 },
        { at: new Date(minute(1)), ...nothing },
        { at: new Date(minute(0)), ...nothing },
      ],
      wait: null,
      run: { p50: 1, p95: 1, p99: 1 },
    },
    {
      kind: 2,
      name: 'kind 2',
      points: [
        { at: new Date(minute(3)), ...nothing, succeeded: 4 },
        { at: new Date(minute(2)), ...nothing },
        { at: new Date(minute(1)), ...nothing },
        { at: new Date(minute(0)), succeeded: 1, failed: 2, exhausted: 1 },
      ],
      wait: { p50: endOf(bucketOf(10)), p95: endOf(bucketOf(1000)), p99: endOf(bucketOf(1000)) },
      run: null,
    },
  ]);
});

it.each([
  [{}, 60],
  [{ minutes: 1 }, 1],
  [{ minutes: 1440 }, 1440],
])('looks back so many minutes for %o: %d', (options, minutes) => {
  expect(checkMinutes(options)).toBe(minutes);
});

it.each([
  [{ minutes: 0 }, 'minutes'],
  [{ minutes: 1441 }, 'minutes'],
  [{ minutes: 1.5 }, 'minutes'],
  [{ minutes: '60' }, 'minutes'],
  [{ hours: 1 }, 'hours'],
])('refuses %o', (options, field) => {
  const error = thrownBy(() => checkMinutes(options as object));
  expect(error).toBeInstanceOf(InvalidOptionError);
  expect(error).toMatchObject({ message: expect.stringContaining(field) });
});
