/** All errors that this library throws: each belongs to one of the files below, which also gives it its brand. */
export { PgQueueError } from './base.error.js';
export { InvalidOptionError, InvalidTaskError } from './option.errors.js';
export {
  DatabaseError,
  InvalidManagerError,
  NoAnswerError,
  OutcomeUnknownError,
  PartialFailureError,
  PushOutcomeUnknownError,
  SchemaMismatchError,
} from './database.errors.js';
export {
  DuplicateKindError,
  LeaseLostError,
  MustCancelTaskError,
  MustIgnoreTaskError,
  ShutdownError,
  SnoozeTaskError,
  TaskCancelledError,
  TaskPayloadError,
  TaskTimeoutError,
  UnexpectedTaskKindError,
  UnsupportedHandlerError,
} from './handler.errors.js';
