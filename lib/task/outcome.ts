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
  /** The task is released at shutdown: it is due now, and the attempt is not counted. */
  | { readonly type: 'released' }
  /** The task was prefetched and never started: it is released at its old position. */
  | { readonly type: 'unclaimed' };

export const SUCCEEDED: Outcome = { type: 'succeeded' };
export const RELEASED: Outcome = { type: 'released' };
export const UNCLAIMED: Outcome = { type: 'unclaimed' };

/** The outcome of an attempt whose handler threw this value. */
export function outcomeOf(thrown: unknown): Outcome {
  if (isA(MustCancelTaskError, thrown)) {
    return { type: 'cancelled', message: errorMessage(thrown) };
  }
  if (isA(SnoozeTaskError, thrown)) {
    return snoozed(thrown);
  }
  return failed(thrown, isA(MustIgnoreTaskError, thrown));
}

/** `instanceof` that never throws: a proxy may throw when its prototype is read. */
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

/** A snooze whose delay is no duration is a failure, so that it is noticed and backs off. */
function snoozed(error: SnoozeTaskError): Outcome {
  try {
    return { type: 'snoozed', delayMs: toMilliseconds('SnoozeTaskError delay', error.delay) };
  } catch (invalid) {
    return failed(invalid);
  }
}

/** The value that the handler threw; undefined where the attempt did not fail. */
export function errorOf(outcome: Outcome): unknown {
  return outcome.type === 'failed' ? outcome.error : undefined;
}

/** The name of the outcome in events. */
export function settledAs(outcome: Outcome): SettledAs {
  if (outcome.type === 'unclaimed') {
    return 'released';
  }
  return outcome.type === 'failed' && outcome.ignored ? 'ignored' : outcome.type;
}
