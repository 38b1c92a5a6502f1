import { setTimeout as pause } from 'node:timers/promises';

/** Milliseconds of the machine's monotonic clock: the same in every process. */
export function now() {
  return Number(process.hrtime.bigint()) / 1e6;
}

/**
 * Waits until a condition holds.
 * @template T
 * @param {string} what for the error
 * @param {number} timeoutMs
 * @param {() => T | Promise<T>} condition
 * @param {number} [everyMs]
 * @returns {Promise<NonNullable<T>>}
 */
export async function until(what, timeoutMs, condition, everyMs = 5) {
  const deadline = now() + timeoutMs;
  for (;;) {
    const value = await condition();
    if (value) return /** @type {NonNullable<T>} */ (value);
    if (now() > deadline) throw new Error(`${what}: not within ${Math.round(timeoutMs / 1000)} s`);
    await pause(everyMs);
  }
}

export { pause };
