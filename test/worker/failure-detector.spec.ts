import { expect, it } from 'vitest';
import { FailureDetector } from '../../lib/worker/lease/failure-detector.js';

const late = (id: number, beatAt: number, silent = true) => ({ id, beatAt, silent });

it('suspects a silent lease whose heartbeat has stood still for long enough', () => {
  const watch = new FailureDetector(1500);
  expect(watch.suspects([late(1, 10, false)], 0)).toEqual([]);
  expect(watch.suspects([late(1, 10, false)], 1500)).toEqual([]);
  expect(watch.suspects([late(1, 10)], 2500)).toEqual([1]);
});

it('suspects nobody whose heartbeat goes on, however old the clock of the database makes it', () => {
  const watch = new FailureDetector(1500);
  for (let beat = 0; beat < 10; beat++) {
    expect(watch.suspects([late(1, beat)], beat * 1000)).toEqual([]);
  }
});

it('forgets a lease that was not late any more', () => {
  const watch = new FailureDetector(1500);
  watch.suspects([late(1, 10)], 0);
  watch.suspects([], 1000);
  expect(watch.suspects([late(1, 10)], 2000)).toEqual([]);
  expect(watch.suspects([late(1, 10)], 3500)).toEqual([1]);
});
