/**
 * The clock as every writer of `run_at` must read it: after the transaction has its id, so that no claim can have
 * passed the row's place in the queue before the row was on its way. CASE keeps the order of evaluation.
 */
export const CLOCK = 'CASE WHEN pg_current_xact_id() IS NOT NULL THEN clock_timestamp() END';

/** The statuses of an open task, spelled as the claim index spells them. */
export const OPEN = "('new', 'must_retry')";

/** The same condition where rows are found by ids: no partial index may be used for it, whatever the planner knows of the table. */
export const isOpenById = (status: string) => `${status}::text IN ${OPEN}`;

/** The range of a task's times: microseconds since the epoch that are safe integers in JavaScript. */
export const FIRST_MOMENT = "'1700-01-01 00:00:00+00'::timestamptz";
export const LAST_MOMENT = "'2250-01-01 00:00:00+00'::timestamptz";

/** Rows from before the constraints may hold any time, infinity too: to read one must not fail the others. */
const bounded = (timestamp: string) => `least(greatest(${timestamp}, ${FIRST_MOMENT}), ${LAST_MOMENT})`;

/** A bounded time, null where there is none: `least` and `greatest` leave nulls out. */
const nullable = (timestamp: string) => `CASE WHEN ${timestamp} IS NOT NULL THEN ${bounded(timestamp)} END`;

/** Microseconds since the epoch, exact: PostgreSQL's own resolution, and a safe integer in JavaScript. */
export const micros = (timestamp: string) => `(extract(epoch FROM ${nullable(timestamp)}) * 1000000)::bigint`;

/** Microseconds of a time that is no later than now; -1, where a cursor begins, for one before the epoch. */
export const microsOfPast = (timestamp: string) =>
  `CASE WHEN ${timestamp} >= 'epoch' THEN (extract(epoch FROM ${timestamp}) * 1000000)::bigint ELSE -1 END`;

/** The time of such a number, exact too. */
export const fromMicros = (value: string) => `'epoch'::timestamptz + ${value} * interval '1 microsecond'`;

/** Milliseconds since the epoch. */
export const millis = (timestamp: string) => `(extract(epoch FROM ${nullable(timestamp)}) * 1000)::bigint`;

/** The ids that a number of JavaScript carries: those that only SQL by hand can give a task are not claimed. */
export const EXACT_IDS = `${Number.MIN_SAFE_INTEGER} AND ${Number.MAX_SAFE_INTEGER}`;

/** The time of such a number of milliseconds. */
export const fromMillis = (value: string) => `'epoch'::timestamptz + ${value} * interval '1 millisecond'`;

/** The last `keep` messages once `message` is appended; a null message or a keep of 0 changes nothing. */
export const appendMessage = (message: string, keep: string) =>
  `CASE WHEN ${message} IS NULL OR ${keep} = 0 THEN t.messages
        ELSE (coalesce(t.messages, '{}') || ${message})[greatest(1, coalesce(cardinality(t.messages), 0) + 2 - ${keep}):] END`;
