import { PgQueueError } from './base.error.js';

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
