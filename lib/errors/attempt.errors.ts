import { PgQueueError } from './base.error.js';

/** The stored payload does not fit the definition's schema. */
export class TaskPayloadError extends PgQueueError {
  readonly code = 'PGQUEUE_TASK_PAYLOAD';
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

/** The attempt no longer holds its lease: its worker process was declared dead, or the task was taken again. */
export class LeaseLostError extends PgQueueError {
  readonly code = 'PGQUEUE_LEASE_LOST';
}

/** `signal.reason` of an attempt that was still running when the shutdown time was used up. */
export class ShutdownError extends PgQueueError {
  readonly code = 'PGQUEUE_SHUTDOWN';
}
