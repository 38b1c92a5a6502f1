import { setTimeout as pause } from 'node:timers/promises';

/**
 * Waits until a condition holds. A condition that throws does not hold yet: the database may be away.
 * @template T
 * @param {() => T | Promise<T>} condition
 * @param {number} [timeoutMs]
 * @param {string | (() => string)} [what] for the message, when it never held
 * @param {number} [everyMs]
 * @returns {Promise<NonNullable<T>>}
 */
export async function eventually(
  condition,
  timeoutMs = 15_000,
  what = () => condition.toString(),
  everyMs = 20,
) {
  const deadline = performance.now() + timeoutMs;
  /** @type {unknown} */
  let last;
  for (;;) {
    try {
      last = await condition();
      if (last) return /** @type {NonNullable<T>} */ (last);
    } catch (error) {
      last = error;
    }
    if (performance.now() > deadline) {
      const text = typeof what === 'string' ? what : what();
      throw new Error(`did not happen within ${timeoutMs} ms: ${text} (last: ${String(last)})`);
    }
    await pause(everyMs);
  }
}
