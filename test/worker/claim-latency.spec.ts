import { expect, it } from 'vitest';
import { ClaimLatency } from '../../lib/worker/claim/claim-latency.js';

function after(...tookMs: number[]): number {
  const hold = new ClaimLatency();
  for (const ms of tookMs) {
    hold.sent(5);
    hold.answered(5 + ms);
  }
  return hold.ms;
}

it('is short while nothing is known, and for claims that are fast', () => {
  expect([after(), after(2, 3)]).toEqual([100, 100]);
});

it('is twice what a slow claim takes, at once, and no longer than a second', () => {
  expect([after(2, 150), after(20_000)]).toEqual([300, 1000]);
});

it('falls slowly when claims become faster', () => {
  expect(after(400, 0)).toBeCloseTo(720);
  expect(after(400, ...Array.from({ length: 30 }, () => 1))).toBe(100);
});
