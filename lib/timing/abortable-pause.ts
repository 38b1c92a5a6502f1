import { setTimeout as pause } from 'node:timers/promises';

/** Waits, without keeping the process alive. @returns false when the signal cut the wait short */
export async function pauseUnlessAborted(ms: number, signal: AbortSignal): Promise<boolean> {
  try {
    await pause(ms, undefined, { signal, ref: false });
    return true;
  } catch {
    return false;
  }
}
