import { toMilliseconds } from '../timing/duration.js';
import { errorMessage } from '../errors/error-message.js';
import type { SettledAs } from './task-name.js';
import { MustCancelTaskError, MustIgnoreTaskError, SnoozeTaskError } from '../errors/pg-queue.errors.js';

/** How an attempt ended. */
export type Outcome =
  | { readonly type: 'succeeded' }
  | { readonly type: 'cancelled'; readonly message: string }
  | { readonly type: 'failed'; readonly ignored: boolean; readonly message: string; readonly error: unknown }
  | { readonly type: 'snoozed'; readonly delayMs: number }
  /** Given back at shutdown: due now, the attempt is not used. */
  | { readonly type: 'released' }
  /** Claimed ahead and never started: the task is put back where it was. */
  | { readonly type: 'unclaimed' };

export const SUCCEEDED: Outcome = { type: 'succeeded' };
export const RELEASED: Outcome = { type: 'released' };
export const UNCLAIMED: Outcome = { type: 'unclaimed' };

/** The outcome that a thrown value stands for. */
export function outcomeOf(thrown: unknown): Outcome {
  if (isA(MustCancelTaskError, thrown)) {
    return { type: 'cancelled', message: errorMessage(thrown) };
  }
  if (isA(SnoozeTaskError, thrown)) {
    return snoozed(thrown);
  }
  return failed(thrown, isA(MustIgnoreTaskError, thrown));
}

/** A proxy may throw even at that question. */
function isA<T>(type: abstract new (...args: any[]) => T, thrown: unknown): thrown is T {
  try {
    return thrown instanceof type;
  } catch {
    return false;
  }
}

export function failed(error: unknown, ignored = false): Outcome {
  return { type: 'failed', ignored, message: errorMessage(error), error };
}

/** A snooze with a delay that makes no sense is a failure, so that it is seen and backs off. */
function snoozed(error: SnoozeTaskError): Outcome {
  try {
    return { type: 'snoozed', delayMs: toMilliseconds('SnoozeTaskError delay', error.delay) };
  } catch (invalid) {
    return failed(invalid);
  }
}

/** What was thrown, where the attempt failed. */
export function errorOf(outcome: Outcome): unknown {
  return outcome.type === 'failed' ? outcome.error : undefined;
}

/** How events tell of it. */
export function settledAs(outcome: Outcome): SettledAs {
  if (outcome.type === 'unclaimed') {
    return 'released';
  }
  return outcome.type === 'failed' && outcome.ignored ? 'ignored' : outcome.type;
}
