import { InvalidOptionError } from './option.errors.js';

/** The error that a refused value is thrown as. */
type Refusal = new (field: string, value: unknown, problem: string) => InvalidOptionError;

/** @throws InvalidOptionError that names the field and the value, where the condition does not hold */
export function check(condition: unknown, field: string, value: unknown, problem: string): asserts condition {
  if (!condition) {
    throw new InvalidOptionError(field, value, problem);
  }
}

/**
 * Refuses options that are not known, so that a misspelt one is not ignored.
 * @param owner what the options are of, for the message: `a page`
 * @param prefix what the field of the error begins with: `kind 3: loop.`
 * @throws InvalidOptionError that names the first option that is not known
 */
export function checkOptionNames(
  options: object,
  known: readonly string[],
  owner: string,
  prefix = '',
): void {
  const unknown = Object.entries(options).find(([name]) => !known.includes(name));
  if (unknown) {
    throw new InvalidOptionError(`${prefix}${unknown[0]}`, unknown[1], `is not an option of ${owner}`);
  }
}

/** @throws InvalidOptionError, or the given error, for anything but an integer from `min` to `max` */
export function checkInteger(
  field: string,
  value: unknown,
  min: number,
  max: number,
  RefusedAs: Refusal = InvalidOptionError,
): asserts value is number {
  // The message is made only where it is needed: each push is checked.
  if (!Number.isInteger(value) || (value as number) < min || (value as number) > max) {
    throw new RefusedAs(field, value, `must be an integer from ${min} to ${max}`);
  }
}

/** @throws InvalidOptionError for anything but an integer from 1 to `max` */
export function checkCount(field: string, value: unknown, max: number): asserts value is number {
  checkInteger(field, value, 1, max);
}

/** @throws InvalidOptionError for anything but a text that PostgreSQL can store, of 1 to `max` characters */
export function checkText(field: string, value: unknown, max: number): asserts value is string {
  const fits = typeof value === 'string' && value !== '' && value.length <= max && !value.includes('\0');
  check(fits, field, value, `must be a string of 1 to ${max} characters`);
}

/** Whether a value can hold options: an object that is no array. */
export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
