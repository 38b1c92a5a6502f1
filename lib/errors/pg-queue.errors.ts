import { errorMessage } from './error-message.js';

/** Marks the prototypes of these classes by their names, the same in each copy of this package that a process has loaded. */
const BRAND = Symbol.for('nestjs-pgqueue:error');

/**
 * The base of every error that this library throws; `code` is stable, messages may be reworded. `instanceof` knows them from any copy
 * of this package.
 */
export abstract class PgQueueError extends Error {
  static override [Symbol.hasInstance](value: unknown): boolean {
    if (Function.prototype[Symbol.hasInstance].call(this, value)) {
      return true;
    }
    const brand = brandOf(this.prototype);
    return brand !== undefined && hasBrand(value, brand);
  }

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

  constructor(field: string, value: unknown, problem: string) {
    super(field, isContent(field) ? undisclosed(value) : value, problem);
  }
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
export class PartialFailureError<Result = unknown> extends PgQueueError {
  readonly code = 'PGQUEUE_PARTIAL_FAILURE';

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

/** What a database, or its library, answered to a statement of the queue: without payloads, keys, parameters and statement. */
export class DatabaseError extends PgQueueError {
  /** The server's SQLSTATE (`40001`) or the system's code (`ECONNRESET`); `PGQUEUE_DATABASE` where there is none. */
  readonly code: string;
  declare readonly severity?: string;
  /** The function of the server that raised it. */
  declare readonly routine?: string;
  declare readonly schema?: string;
  declare readonly table?: string;
  declare readonly column?: string;
  declare readonly constraint?: string;
  declare readonly dataType?: string;

  constructor(message: string, code: string | undefined, details: Readonly<Record<string, string>> = {}) {
    super(message);
    this.code = code ?? 'PGQUEUE_DATABASE';
    Object.assign(this, details);
  }
}

/**
 * A change was sent, and its answer was lost or came from something else than the server: it may be stored, now or in a moment, or not.
 * `cause` says what came in the place of the answer.
 */
export class OutcomeUnknownError extends PgQueueError {
  readonly code: string = 'PGQUEUE_OUTCOME_UNKNOWN';
}

/** A push whose outcome is unknown. Tasks with keys may be pushed again; one without a key might be stored twice. */
export class PushOutcomeUnknownError extends OutcomeUnknownError {
  override readonly code = 'PGQUEUE_PUSH_OUTCOME_UNKNOWN';
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

const BRANDED = {
  PgQueueError,
  InvalidOptionError,
  InvalidTaskError,
  DuplicateKindError,
  UnsupportedHandlerError,
  UnexpectedTaskKindError,
  InvalidManagerError,
  SchemaMismatchError,
  PartialFailureError,
  NoAnswerError,
  MustCancelTaskError,
  MustIgnoreTaskError,
  SnoozeTaskError,
  DatabaseError,
  OutcomeUnknownError,
  PushOutcomeUnknownError,
  LeaseLostError,
  TaskTimeoutError,
  TaskCancelledError,
  ShutdownError,
  TaskPayloadError,
};
for (const [name, { prototype }] of Object.entries(BRANDED)) {
  Object.defineProperty(prototype, BRAND, { value: name });
}

/** Undefined for classes that others derive. */
function brandOf(prototype: object): unknown {
  return Object.getOwnPropertyDescriptor(prototype, BRAND)?.value;
}

/** Of anything, whatever a proxy does. */
function hasBrand(value: unknown, brand: unknown): boolean {
  try {
    for (let at: unknown = value; typeof at === 'object' && at !== null; at = Object.getPrototypeOf(at)) {
      if (brandOf(at) === brand) {
        return true;
      }
    }
  } catch {
    return false;
  }
  return false;
}

/** Payloads and keys are the application's secrets: errors end in logs. */
function isContent(field: string): boolean {
  return /^(task|tasks\[\d+\])$|\bpayload\b|\bexternalKey$/.test(field);
}

/** Stands for a value that is not told, by what it is. */
class Undisclosed {
  constructor(private readonly what: string) {}

  get [Symbol.toStringTag](): string {
    return this.what;
  }
}

function undisclosed(value: unknown): unknown {
  switch (typeof value) {
    case 'string':
      return value === '' || /^\d+ bytes$/.test(value) ? value : new Undisclosed('String');
    case 'number':
      return Number.isFinite(value) && value !== 0 ? new Undisclosed('Number') : value;
    case 'object':
      return value === null || value instanceof Undisclosed
        ? value
        : new Undisclosed(describeObject(value).replace(/^\[object (.*)\]$/, '$1'));
    case 'undefined':
    case 'boolean':
      return value;
    default:
      return new Undisclosed(typeof value);
  }
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
