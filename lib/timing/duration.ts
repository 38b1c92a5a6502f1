import ms, { type StringValue } from 'ms';
import { InvalidOptionError } from '../errors/pg-queue.errors.js';

/** Milliseconds, or a string of the package `ms`: `'90s'`, `'1h'`, `'3 days'`. */
export type Duration = number | string;

/** The longest wait that a Node timer serves without firing at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/** The longest delay, TTL or backoff: a hundred years, well inside PostgreSQL's timestamps. */
export const MAX_DURATION_MS = 100 * 365.25 * 24 * 3600 * 1000;

interface DurationRange {
  min?: number;
  max?: number;
}

/**
 * Milliseconds of a duration.
 * @param Refusal what is thrown
 * @throws InvalidOptionError when it is not a finite number of milliseconds within the range (0 to a hundred years).
 */
export function toMilliseconds(
  field: string,
  value: Duration,
  { min = 0, max = MAX_DURATION_MS }: DurationRange = {},
  Refusal = InvalidOptionError,
): number {
  const millis = typeof value === 'string' ? parse(value) : value;
  if (typeof millis !== 'number' || !Number.isFinite(millis)) {
    throw new Refusal(field, value, "must be milliseconds or a duration such as '90s' or '1h'");
  }
  if (millis < min || millis > max) {
    throw new Refusal(field, value, `must be from ${min} to ${max} ms`);
  }
  return millis;
}

/** Milliseconds of a duration that a Node timer waits for. */
export function toTimerMilliseconds(field: string, value: Duration, min = 1): number {
  return toMilliseconds(field, value, { min, max: MAX_TIMER_MS });
}

function parse(value: string): number {
  try {
    return ms(value as StringValue);
  } catch {
    return Number.NaN;
  }
}
