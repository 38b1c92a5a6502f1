const FIRST_MS = 50;
const LONGEST_MS = 5000;

/** The pause after the n-th failure in a row (from 1) of one of the queue's own statements: doubling, with full jitter from a tenth on. */
export function retryDelay(failures: number): number {
  const step = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures - 1, 16));
  return step * (0.1 + 0.9 * Math.random());
}
