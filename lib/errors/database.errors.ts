import { PgQueueError } from './base.error.js';

/** The queue's tables are missing, of another version, or not accessible. */
export class SchemaMismatchError extends PgQueueError {
  readonly code = 'PGQUEUE_SCHEMA_MISMATCH';
}

/** The `manager` or `executor` given can't carry the statement: foreign, released, or its transaction has failed. */
export class InvalidManagerError extends PgQueueError {
  readonly code = 'PGQUEUE_INVALID_MANAGER';
}

/** A database was asked and did not answer in time; it may still do what it was asked for. */
export class NoAnswerError extends PgQueueError {
  readonly code = 'PGQUEUE_NO_ANSWER';

  constructor(readonly waitedMs: number) {
    super(`no answer within ${waitedMs} ms`);
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
