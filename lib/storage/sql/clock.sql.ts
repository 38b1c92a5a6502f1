/**
 * The clock as every writer of `run_at` must read it: after the transaction has its id, so that no claim can have
 * passed the row's place in the queue before the row was on its way. CASE keeps the order of evaluation.
 */
export const CLOCK = 'CASE WHEN pg_current_xact_id() IS NOT NULL THEN clock_timestamp() END';

/** The statuses of an open task, spelled as the claim index spells them. */
export const OPEN = "('new', 'must_retry')";

/** Microseconds since the epoch, exact: PostgreSQL's own resolution, and a safe integer in JavaScript. */
export const micros = (timestamp: string) => `(extract(epoch FROM ${timestamp}) * 1000000)::bigint`;

/** The way back, exact too. */
export const fromMicros = (value: string) => `'epoch'::timestamptz + ${value} * interval '1 microsecond'`;

/** Milliseconds since the epoch. */
export const millis = (timestamp: string) => `(extract(epoch FROM ${timestamp}) * 1000)::bigint`;

/** The way back. */
export const fromMillis = (value: string) => `'epoch'::timestamptz + ${value} * interval '1 millisecond'`;

/** The last `keep` messages once `message` is appended; a null message or a keep of 0 changes nothing. */
export const appendMessage = (message: string, keep: string) =>
  `CASE WHEN ${message} IS NULL OR ${keep} = 0 THEN t.messages
        ELSE (coalesce(t.messages, '{}') || ${message})[greatest(1, coalesce(cardinality(t.messages), 0) + 2 - ${keep}):] END`;
