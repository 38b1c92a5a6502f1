import { errorMessage } from './error-message.js';

/** The base of every error that this library throws; `code` is stable, messages may be reworded. */
export abstract class PgQueueError extends Error {
  /** Names the error for programs, for example `PGQUEUE_LEASE_LOST`. */
  abstract readonly code: string;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** An option, an argument or a payload was refused before anything was written. */
export class InvalidOptionError extends PgQueueError {
  readonly code: string = 'PGQUEUE_INVALID_OPTION';

  constructor(
    /** What the value was given for, for example `kind 3 "send-email": backoff`. */
    readonly field: string,
    /** What was given. */
    readonly value: unknown,
    /** What is wrong with it, for example `must be a text`. */
    readonly problem: string,
  ) {
    super(`${field}: ${problem}, got ${describeValue(value)}`);
  }
}

/** A task was refused at push: its kind, key, payload or options can't be stored. */
export class InvalidTaskError extends InvalidOptionError {
  override readonly code = 'PGQUEUE_INVALID_TASK';
}

/** A second handler for one kind, or two kinds of one name. */
export class DuplicateKindError extends PgQueueError {
  readonly code = 'PGQUEUE_DUPLICATE_KIND';
}

/** A `@TaskHandler` that can't be run as it is declared. */
export class UnsupportedHandlerError extends PgQueueError {
  readonly code = 'PGQUEUE_UNSUPPORTED_HANDLER';
}

/** A bare kind number that this process has no handler and no definition for. */
export class UnexpectedTaskKindError extends PgQueueError {
  readonly code = 'PGQUEUE_UNEXPECTED_KIND';

  constructor(readonly kind: number) {
    super(
      `task kind ${kind} is not registered in this process: register a handler for it, or pass its definition (defineTask) instead of the number`,
    );
  }
}

/** The `manager` or `executor` given can't carry the statement: foreign, released, or its transaction has failed. */
export class InvalidManagerError extends PgQueueError {
  readonly code = 'PGQUEUE_INVALID_MANAGER';
}

/** The queue's tables are missing, of another version, or not accessible. */
export class SchemaMismatchError extends PgQueueError {
  readonly code = 'PGQUEUE_SCHEMA_MISMATCH';
}

/**
 * Something reached some shards of the queue and not all, or an action some of the tasks that it was for: no transaction spans them,
 * so what was done stays.
 */
export class ShardsFailedError<Result = unknown> extends PgQueueError {
  readonly code = 'PGQUEUE_SHARDS_FAILED';

  constructor(
    /** Why, by the name of the shard that failed. */
    readonly errors: ReadonlyMap<string, unknown>,
    /** What came of the others: of `pushTasks` a `PushResult` for each task, `failed` where it is not stored. */
    readonly result: Result,
  ) {
    const failures = [...errors].map(([shard, error]) => `shard ${shard}: ${errorMessage(error)}`);
    super(failures.join('; '), { cause: errors.values().next().value });
  }
}

/** A database was asked and did not answer in time; it may still do what it was asked for. */
export class NoAnswerError extends PgQueueError {
  readonly code = 'PGQUEUE_NO_ANSWER';

  constructor(readonly waitedMs: number) {
    super(`no answer within ${waitedMs} ms`);
  }
}

/** Thrown by a handler: the task ends as `cancelled` with this reason, whatever attempts are left. */
export class MustCancelTaskError extends PgQueueError {
  readonly code = 'PGQUEUE_MUST_CANCEL';
}

/** Thrown by a handler: the attempt fails and is used up as usual, but is counted as `ignored`, not as `failed`. */
export class MustIgnoreTaskError extends PgQueueError {
  readonly code = 'PGQUEUE_MUST_IGNORE';
}

/** Thrown by a handler: run the task again after `delay` (milliseconds or a string such as `'5m'`); the attempt is given back. */
export class SnoozeTaskError extends PgQueueError {
  readonly code = 'PGQUEUE_SNOOZE';

  constructor(
    /** From now: milliseconds or a text such as `'5m'`. */
    readonly delay: number | string,
    message = `snoozed for ${delay}`,
  ) {
    super(message);
  }
}

/** The attempt no longer holds its lease: its worker process was declared dead, or the task was taken again. */
export class LeaseLostError extends PgQueueError {
  readonly code = 'PGQUEUE_LEASE_LOST';
}

/** The attempt ran longer than `attemptTimeout`. */
export class TaskTimeoutError extends PgQueueError {
  readonly code = 'PGQUEUE_TASK_TIMEOUT';

  constructor(readonly timeoutMs: number) {
    super(`timed out after ${timeoutMs} ms`);
  }
}

/** `signal.reason` of an attempt whose task was cancelled by key while it ran. */
export class TaskCancelledError extends PgQueueError {
  readonly code = 'PGQUEUE_TASK_CANCELLED';
}

/** `signal.reason` of an attempt that was still running when the shutdown time was used up. */
export class ShutdownError extends PgQueueError {
  readonly code = 'PGQUEUE_SHUTDOWN';
}

/** The stored payload does not fit the definition's schema. */
export class TaskPayloadError extends PgQueueError {
  readonly code = 'PGQUEUE_TASK_PAYLOAD';
}

function describeValue(value: unknown): string {
  if (typeof value === 'string') {
    return JSON.stringify(value.length > 100 ? `${value.slice(0, 100)}…` : value);
  }
  if (typeof value === 'bigint') {
    return `${value}n`;
  }
  if (typeof value === 'object' && value !== null) {
    return describeObject(value);
  }
  return typeof value === 'function' ? 'a function' : String(value);
}

/** `[object Map]`; a proxy may refuse even that. */
function describeObject(value: object): string {
  try {
    return Object.prototype.toString.call(value);
  } catch {
    return 'an object';
  }
}
