import { setTimeout as pause } from 'node:timers/promises';

/** Waits until a condition holds; fails after `timeoutMs` with what it was last. */
export async function until<T>(
  condition: () => T | Promise<T>,
  timeoutMs = 10_000,
): Promise<Exclude<NonNullable<T>, false>> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await condition();
    if (value) {
      return value as Exclude<NonNullable<T>, false>;
    }
    if (performance.now() > deadline) {
      throw new Error(`the condition did not hold within ${timeoutMs} ms: ${condition.toString()}`);
    }
    await pause(5);
  }
}
