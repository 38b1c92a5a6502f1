/**
 * The clock as every writer of `run_at` must read it: after the transaction has its id, so that no claim can have
 * passed the row's place in the queue before the row was on its way. CASE keeps the order of evaluation.
 */
export const CLOCK = 'CASE WHEN pg_current_xact_id() IS NOT NULL THEN clock_timestamp() END';

/** The statuses of an open task, spelled as the claim index spells them. */
export const OPEN = "('new', 'must_retry')";

/** As far as numbers are exact in JavaScript: the years 1684 to 2255. What lies beyond, infinity too, is shown as these. */
export const MAX_MICROS = Number.MAX_SAFE_INTEGER;
const LATEST = "'2255-06-05 23:47:34.740991+00'::timestamptz";
const EARLIEST = "'1684-07-28 00:12:25.259009+00'::timestamptz";

/** Microseconds since the epoch: PostgreSQL's own resolution, and a safe integer in JavaScript, whatever somebody wrote there. */
export const micros = (timestamp: string) =>
  `CASE WHEN ${timestamp} >= ${LATEST} THEN ${MAX_MICROS} WHEN ${timestamp} <= ${EARLIEST} THEN -${MAX_MICROS}
        ELSE (extract(epoch FROM ${timestamp}) * 1000000)::bigint END`;

/** Of a time that is no later than now; -1, where a cursor begins, for one before the epoch. */
export const microsOfPast = (timestamp: string) =>
  `CASE WHEN ${timestamp} >= 'epoch' THEN (extract(epoch FROM ${timestamp}) * 1000000)::bigint ELSE -1 END`;

/** The way back, exact too. */
export const fromMicros = (value: string) => `'epoch'::timestamptz + ${value} * interval '1 microsecond'`;

/** Milliseconds since the epoch. */
export const millis = (timestamp: string) => `(extract(epoch FROM ${timestamp}) * 1000)::bigint`;

/** The last `keep` messages once `message` is appended; a null message or a keep of 0 changes nothing. */
export const appendMessage = (message: string, keep: string) =>
  `CASE WHEN ${message} IS NULL OR ${keep} = 0 THEN t.messages
        ELSE (coalesce(t.messages, '{}') || ${message})[greatest(1, coalesce(cardinality(t.messages), 0) + 2 - ${keep}):] END`;
