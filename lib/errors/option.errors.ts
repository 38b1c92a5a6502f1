import { describeValue, undisclosed } from './described-value.js';
import { PgQueueError } from './base.error.js';

/** An option, an argument or a payload was refused before anything was written. */
export class InvalidOptionError extends PgQueueError {
  readonly code: string = 'PGQUEUE_INVALID_OPTION';

  constructor(
    /** What the value was given for, for example `kind 3 "send-email": backoff`. */
    readonly field: string,
    /** What was given. */
    readonly value: unknown,
    /** What is wrong with it, for example `must be a string`. */
    readonly problem: string,
  ) {
    super(`${field}: ${problem}, ${describeGiven(value, problem)}`);
  }
}

/** A task was refused at push: its kind, key, payload or options can't be stored. */
export class InvalidTaskError extends InvalidOptionError {
  override readonly code = 'PGQUEUE_INVALID_TASK';

  constructor(field: string, value: unknown, problem: string) {
    super(field, isContent(field) ? undisclosed(value) : value, problem);
  }
}

/** What was given where a problem says what must be. The name of an unknown option may be there without a value: it is not missing. */
function describeGiven(value: unknown, problem: string): string {
  return value === undefined && problem.startsWith('must ')
    ? 'but is missing'
    : `got ${describeValue(value)}`;
}

/** Whether a field holds the application's secrets, payloads and keys: errors end in logs. */
function isContent(field: string): boolean {
  return /^(task|tasks\[\d+\])$|\bpayload\b|\bexternalKey$/.test(field);
}
