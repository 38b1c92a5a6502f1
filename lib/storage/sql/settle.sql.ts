import type { SchemaNames } from '../schema-names.js';
import { appendMessage, CLOCK, fromMicros } from './clock.sql.js';
import { betweenIds } from './same-id.sql.js';

/**
 * Outcomes, a batch per statement. Every statement carries the fence: a row changes only while its attempt, named by
 * (id, lease_id, attempts_elapsed), still holds it. A push that replaces a cancelled task makes its attempts count anew: by when
 * the task was due they are told apart. $1 ids · $2 leases · $3 attempts · $4 when tasks with keys were due, or null: none has one.
 */
const HOLDERS = 'unnest($1::bigint[]), unnest($2::int[]), unnest($3::smallint[]), unnest($4::bigint[])';
const HOLDER = 'id, lease_id, attempt, due';
const wasDue = (due: string) => `(${due} IS NULL OR t.run_at = ${fromMicros(due)})`;
const FENCE = `${betweenIds('u.id')} AND t.lease_id = u.lease_id AND t.attempts_elapsed = u.attempt AND ${wasDue('u.due')}`;
const ONE_HOLDER = `t.id = $1 AND t.lease_id = $2 AND t.attempts_elapsed = $3 AND ${wasDue('$4::bigint')}`;

/** The ids that were settled, or null when all were: the usual answer costs nothing to read. */
const SETTLED = `SELECT CASE WHEN count(*) < cardinality($1::bigint[]) THEN coalesce(json_agg(id), '[]') END::text AS settled`;

export function settleSql({ task, status }: SchemaNames) {
  return {
    /** Succeeded or cancelled, and the kind keeps no terminal tasks. */
    settleDeleting: `
WITH gone AS (
  DELETE FROM ${task} t USING ROWS FROM (${HOLDERS}) AS u(${HOLDER}) WHERE ${FENCE} RETURNING t.id
) ${SETTLED} FROM gone`,
    /** $5 statuses (succeeded, cancelled) · $6 messages · $7 how many messages are kept. */
    settleFinished: `
WITH done AS (
  UPDATE ${task} t
  SET status = u.status::${status}, lease_id = NULL, finished_at = now(), messages = ${appendMessage('u.message', 'u.keep')}
  FROM ROWS FROM (${HOLDERS}, unnest($5::text[]), unnest($6::text[]), unnest($7::int[]))
    AS u(${HOLDER}, status, message, keep)
  WHERE ${FENCE} RETURNING t.id
) ${SETTLED} FROM done`,
    /** Failed, snoozed or released. $5 delays in ms · $6 attempts given back (0 or 1) · $7 messages · $8 how many are kept. */
    settleReopened: `
WITH reopened AS (
  UPDATE ${task} t
  SET lease_id = NULL, attempts_left = least(32767, t.attempts_left::int + u.back), attempts_elapsed = greatest(0, t.attempts_elapsed - u.back),
      run_at = ${CLOCK} + u.delay * interval '1 millisecond',
      status = (CASE WHEN t.attempts_left::int + u.back <= 0 THEN 'no_attempts_left' ELSE 'must_retry' END)::${status},
      finished_at = CASE WHEN t.attempts_left::int + u.back <= 0 THEN now() END,
      messages = ${appendMessage('u.message', 'u.keep')}
  FROM ROWS FROM (${HOLDERS}, unnest($5::bigint[]), unnest($6::smallint[]), unnest($7::text[]), unnest($8::int[]))
    AS u(${HOLDER}, delay, back, message, keep)
  WHERE ${FENCE} RETURNING t.id, t.status
) SELECT CASE WHEN count(*) < cardinality($1::bigint[]) THEN coalesce(json_agg(id), '[]') END::text AS settled,
         (json_agg(id) FILTER (WHERE status = 'no_attempts_left'))::text AS exhausted FROM reopened`,
    /** Claimed, and never started: as if it had not been claimed, in its old place. */
    settleUnclaimed: `
WITH unclaimed AS (
  UPDATE ${task} t SET lease_id = NULL, attempts_left = least(32767, t.attempts_left + 1), attempts_elapsed = greatest(0, t.attempts_elapsed - 1)
  FROM ROWS FROM (${HOLDERS}) AS u(${HOLDER}) WHERE ${FENCE} RETURNING t.id
) ${SETTLED} FROM unclaimed`,
    /** A handler settles inside its own transaction: $1 to $4 of its attempt alone. Answers a row when that held its lease. */
    completeKeeping: `
UPDATE ${task} t SET status = 'succeeded', lease_id = NULL, finished_at = now()
WHERE ${ONE_HOLDER} RETURNING t.id`,
    completeDeleting: `
DELETE FROM ${task} t WHERE ${ONE_HOLDER} RETURNING t.id`,
    /** Which of these rows another transaction holds. $1 ids. */
    findHeld: `
WITH free AS MATERIALIZED (
  SELECT t.id FROM ${task} t WHERE t.id = ANY ($1::bigint[]) FOR UPDATE SKIP LOCKED
)
SELECT json_agg(t.id)::text AS held FROM ${task} t WHERE t.id = ANY ($1::bigint[]) AND t.id NOT IN (SELECT id FROM free)`,
    /** Which of these attempts no longer hold their lease, and what their tasks are now. */
    findLost: `
SELECT json_agg(json_build_array(u.id, u.attempt, t.status))::text AS lost
FROM ROWS FROM (${HOLDERS}) AS u(${HOLDER})
LEFT JOIN ${task} t ON ${betweenIds('u.id')}
WHERE (${FENCE}) IS NOT TRUE`,
  };
}
