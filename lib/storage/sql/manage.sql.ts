import { MAX_PRIORITY, MIN_PRIORITY } from '../../task/task.js';
import type { SchemaNames } from '../schema-names.js';
import { CLOCK, fromMicros, micros, millis, OPEN } from './clock.sql.js';
import { FIX_PATH } from './path.sql.js';
import { amongIds } from './same-id.sql.js';

/** So many rows are changed at once; the others follow with the next sweep, a minute later. */
const ALIGNED_AT_ONCE = 10_000;

/** Finished for longer than its kind keeps such. $1 kind · $2 TTL in ms · $4 from here on, in µs; null: from the first on. */
const EXPIRED = `WHERE kind = $1 AND status IN ('cancelled', 'succeeded')
      AND finished_at >= coalesce(${fromMicros('$4::bigint')}, '-infinity') AND finished_at <= now() - $2 * interval '1 millisecond'`;
/** The newest time of a batch, in µs; earlier rows are not read again. */
const NEWEST = `${micros('max(finished_at) FILTER (WHERE isfinite(finished_at))')} AS newest`;

export function manageSql({ task, registry, channel }: SchemaNames) {
  return {
    /** $1 kind · $2 key. A running attempt loses its lease, and its process is told at commit. */
    cancelByKey: `
WITH open AS (
  SELECT id, lease_id FROM ${task} WHERE kind = $1 AND external_key = $2 AND status IN ${OPEN} FOR NO KEY UPDATE
), cancelled AS (
  UPDATE ${task} t SET status = 'cancelled', lease_id = NULL, claim_id = NULL, finished_at = now()
  FROM open WHERE ${amongIds('open.id')} RETURNING t.id, open.lease_id
)
SELECT id::text AS id, CASE WHEN lease_id IS NOT NULL THEN pg_notify('${channel}', 'lost:' || lease_id || ':' || id)::text END FROM cancelled`,
    /** $1 kind · $2 attempts · $3 limit. The clock is read once, so that they run in the order of their ids. */
    retryExhausted: `
WITH retried AS (
  UPDATE ${task} t
  SET status = 'must_retry', finished_at = NULL, attempts_left = $2, attempts_elapsed = 0, run_at = (SELECT ${CLOCK})
  WHERE t.ctid = ANY (ARRAY(
    SELECT ctid FROM ${task} WHERE kind = $1 AND status = 'no_attempts_left' ORDER BY created_at LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED))
  RETURNING t.id
)
SELECT count(*)::int AS count, pg_notify('${channel}', '')::text FROM retried`,
    /** What is read next in this transaction walks indexes, takes no longer, and means PostgreSQL's own objects. $1 milliseconds. */
    boundReading: `
SELECT ${FIX_PATH}, set_config('statement_timeout', $1, true), set_config('enable_seqscan', 'off', true),
       set_config('enable_bitmapscan', 'off', true), set_config('jit', 'off', true)`,
    /** $1 kinds. One probe of the claim index for each kind and priority. */
    oldestDue: `
SELECT (${millis('clock_timestamp()')} - ${millis('min(oldest.run_at)')})::text AS age
FROM unnest($1::smallint[]) AS k(kind), generate_series(${MIN_PRIORITY}, ${MAX_PRIORITY}) AS p(priority),
LATERAL (
  SELECT q.run_at FROM ${task} q
  WHERE q.kind = k.kind AND q.priority = p.priority AND q.status IN ${OPEN} AND q.lease_id IS NULL AND q.run_at <= now()
  ORDER BY q.run_at LIMIT 1
) oldest`,
    /** Whether every task has ended: by the index of those that have not, whatever the planner knows of the table. */
    isEmpty: `SELECT (SELECT true FROM ${task} WHERE status IN ${OPEN} ORDER BY kind, priority, run_at, id LIMIT 1) IS NULL AS empty`,
    /**
     * The turns of maintenance jobs: the first process that runs this statement after a turn's period takes the turn.
     * $1 jobs · $2 periods in ms. A job that another process is just taking is passed over.
     */
    takeTurns: `
WITH asked AS (
  SELECT * FROM ROWS FROM (unnest($1::text[]), unnest($2::bigint[])) AS u(job, period)
), first AS (
  INSERT INTO ${registry} (job, updated_at) SELECT job, now() FROM asked ORDER BY job ON CONFLICT (job) DO NOTHING RETURNING job
), due AS (
  SELECT r.job FROM ${registry} r JOIN asked ON asked.job = r.job
  WHERE r.updated_at <= now() - asked.period * interval '1 millisecond' FOR NO KEY UPDATE OF r SKIP LOCKED
), taken AS (
  UPDATE ${registry} r SET updated_at = now() FROM due WHERE r.job = due.job RETURNING r.job
)
SELECT job FROM first UNION ALL SELECT job FROM taken`,
    /** A turn that failed is given back, so that the next process takes it at once. */
    returnTurn: `UPDATE ${registry} SET updated_at = '-infinity' WHERE job = $1`,
    /** $1 kind. Claims look at priorities that a push can give: what SQL by hand gave another gets the nearest of them. */
    alignPriorities: `
UPDATE ${task} t SET priority = least(${MAX_PRIORITY}, greatest(${MIN_PRIORITY}, t.priority))
WHERE t.ctid = ANY (ARRAY(
  SELECT odd.ctid
  FROM (VALUES (-32768, ${MIN_PRIORITY - 1}), (${MAX_PRIORITY + 1}, 32767)) AS beyond(low, high),
  LATERAL (
    SELECT q.ctid FROM ${task} q
    WHERE q.kind = $1 AND q.priority BETWEEN beyond.low AND beyond.high AND q.status IN ${OPEN}
    LIMIT ${ALIGNED_AT_ONCE} FOR NO KEY UPDATE SKIP LOCKED
  ) odd))`,
    /** $1 kind · $2 TTL in ms · $3 batch · $4 the last batch's newest finished_at in µs, behind which nothing is left; null at first · $5 ids to pass over. */
    expire: `
WITH expired AS (
  DELETE FROM ${task}
  WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM ${task} ${EXPIRED} AND id <> ALL ($5::bigint[]) ORDER BY finished_at LIMIT $3 FOR UPDATE SKIP LOCKED))
  RETURNING finished_at
)
SELECT count(*)::int AS count, ${NEWEST} FROM expired`,
    /** The ids of a batch that could not be deleted. Parameters as above. */
    findExpired: `
SELECT json_agg(id)::text AS ids, count(*)::int AS count, ${NEWEST} FROM (
  SELECT id, finished_at FROM ${task} ${EXPIRED} AND id <> ALL ($5::bigint[]) ORDER BY finished_at LIMIT $3
) found`,
    /** $1 kind · $2 TTL in ms · $3 ids. */
    expireSome: `
WITH expired AS (
  DELETE FROM ${task}
  WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM ${task}
    WHERE id = ANY ($3::bigint[]) AND kind = $1 AND status IN ('cancelled', 'succeeded')
      AND finished_at <= now() - $2 * interval '1 millisecond' FOR UPDATE SKIP LOCKED))
  RETURNING id
)
SELECT count(*)::int AS count FROM expired`,
    /** What `retryExhausted` would take: $1 kind · $2 limit. */
    findExhausted: `
SELECT coalesce(json_agg(id::text), '[]')::text AS ids FROM (
  SELECT id FROM ${task} WHERE kind = $1 AND status = 'no_attempts_left' AND id <> ALL ($3::bigint[]) ORDER BY created_at LIMIT $2
) found`,
  };
}
