import { expect, it } from 'vitest';
import { PrefetchSize } from '../../lib/worker/run/prefetch-size.js';

function after(...durations: number[]): PrefetchSize {
  const ahead = new PrefetchSize();
  durations.forEach((duration) => ahead.ended(duration));
  return ahead;
}

const times = (count: number, duration: number): number[] => Array(count).fill(duration);

it('claims nothing ahead until 32 tasks in a row were short', () => {
  expect(after().room(1, 0)).toBe(0);
  expect(after(...times(31, 1)).room(1, 0)).toBe(0);
  expect(after(...times(32, 1)).room(1, 0)).toBe(5);
  expect(after(...times(31, 1), 6, ...times(31, 1)).room(1, 0)).toBe(0);
});

it('claims as much as runs in 5 ms, at most 200', () => {
  expect(after(...times(100, 5)).room(1, 0)).toBe(1);
  expect(after(...times(100, 1)).room(10, 0)).toBe(50);
  expect(after(...times(100, 0.001)).room(1, 0)).toBe(200);
  expect(after(...times(100, 0.001)).room(1000, 0)).toBe(200);
});

it('claims again when half of it is used up', () => {
  const ahead = after(...times(100, 1));
  expect(ahead.room(2, 6)).toBe(0);
  expect(ahead.room(2, 5)).toBe(5);
});

it('wants a longer streak each time that it was too far, up to 1,048,576', () => {
  const ahead = after(...times(32, 1));
  ahead.wasTooFar();
  times(63, 1).forEach((duration) => ahead.ended(duration));
  expect(ahead.room(1, 0)).toBe(0);
  ahead.ended(1);
  expect(ahead.room(1, 0)).toBe(5);
  times(40, 0).forEach(() => ahead.wasTooFar());
  times(2 ** 20, 1).forEach((duration) => ahead.ended(duration));
  expect(ahead.room(1, 0)).toBe(5);
});
