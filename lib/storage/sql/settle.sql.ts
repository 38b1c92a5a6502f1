import { MAX_ATTEMPTS } from '../../task/kind-options.js';
import type { SchemaNames } from '../schema-names.js';
import { appendMessage, CLOCK } from './clock.sql.js';
import { betweenIds } from './same-id.sql.js';

/**
 * Outcomes, a batch per statement. Every statement carries the fence: a row changes only while its attempt still holds it. An attempt
 * is named by its task and the claim that took it, (id, claim_id): a claim's number never comes again, on no server and in no process.
 * $1 ids · $2 claims.
 */
const HOLDERS = 'unnest($1::bigint[]), unnest($2::bigint[])';
const HOLDER = 'id, claim_id';
const FENCE = `${betweenIds('u.id')} AND abs(t.claim_id) = u.claim_id`;
/** The last attempt of a task is used up when it begins, not when it is claimed: until then its claim stands in the row with a minus. */
const HAS_BEGUN = 't.claim_id > 0';
/** How many attempts a row gets back. */
const BACK = `CASE WHEN ${HAS_BEGUN} THEN u.back::int ELSE 0 END`;
const ONE_HOLDER = 't.id = $1 AND t.claim_id = $2';
/** The attempts that the transaction has completed, each as `id:claim` between spaces. */
const COMPLETED = `pg_current_xact_id()::text AS xid,
  set_config('pgqueue.completed', coalesce(current_setting('pgqueue.completed', true), '') || ' ' || $1 || ':' || $2 || ' ', true)`;

const RELEASED = 'lease_id = NULL, claim_id = NULL';

/** The ids that were settled, or null when all were: the usual result costs nothing to read. */
const SETTLED = `SELECT CASE WHEN count(*) < cardinality($1::bigint[]) THEN coalesce(json_agg(id), '[]') END::text AS settled`;

/** Counters of attempts stay within their columns, whatever somebody wrote there. */
const atMost = (count: string) => `least(${MAX_ATTEMPTS}, ${count})`;
const atLeast = (count: string) => `greatest(0, ${count})`;

export function settleSql({ task, status }: SchemaNames) {
  return {
    /** Succeeded or cancelled, and the kind keeps no terminal tasks. */
    settleDeleting: `
WITH gone AS (
  DELETE FROM ${task} t USING ROWS FROM (${HOLDERS}) AS u(${HOLDER}) WHERE ${FENCE} RETURNING t.id
) ${SETTLED} FROM gone`,
    /** $3 statuses (succeeded, cancelled) · $4 messages · $5 how many messages are kept. */
    settleFinished: `
WITH done AS (
  UPDATE ${task} t
  SET status = u.status::${status}, ${RELEASED}, finished_at = now(), messages = ${appendMessage('u.message', 'u.keep')}
  FROM ROWS FROM (${HOLDERS}, unnest($3::text[]), unnest($4::text[]), unnest($5::int[]))
    AS u(${HOLDER}, status, message, keep)
  WHERE ${FENCE} RETURNING t.id
) ${SETTLED} FROM done`,
    /** Failed, snoozed or released. $3 delays in ms · $4 attempts given back (0 or 1) · $5 messages · $6 how many are kept. */
    settleReopened: `
WITH reopened AS (
  UPDATE ${task} t
  SET ${RELEASED}, attempts_left = ${atMost(`t.attempts_left + ${BACK}`)}, attempts_elapsed = ${atLeast(`t.attempts_elapsed - ${BACK}`)},
      run_at = ${CLOCK} + u.delay * interval '1 millisecond',
      status = (CASE WHEN t.attempts_left + ${BACK} <= 0 THEN 'no_attempts_left' ELSE 'must_retry' END)::${status},
      finished_at = CASE WHEN t.attempts_left + ${BACK} <= 0 THEN now() END,
      messages = ${appendMessage('u.message', 'u.keep')}
  FROM ROWS FROM (${HOLDERS}, unnest($3::bigint[]), unnest($4::smallint[]), unnest($5::text[]), unnest($6::int[]))
    AS u(${HOLDER}, delay, back, message, keep)
  WHERE ${FENCE} RETURNING t.id, t.status
) SELECT CASE WHEN count(*) < cardinality($1::bigint[]) THEN coalesce(json_agg(id), '[]') END::text AS settled,
         (json_agg(id) FILTER (WHERE status = 'no_attempts_left'))::text AS exhausted FROM reopened`,
    /** A last attempt begins, and is used up by that. Repeated, it changes nothing more. */
    begin: `
WITH begun AS (
  UPDATE ${task} t
  SET claim_id = u.claim_id,
      attempts_left = CASE WHEN ${HAS_BEGUN} THEN t.attempts_left ELSE greatest(0, t.attempts_left - 1) END,
      attempts_elapsed = CASE WHEN ${HAS_BEGUN} THEN t.attempts_elapsed ELSE ${atMost('t.attempts_elapsed + 1')} END
  FROM ROWS FROM (${HOLDERS}) AS u(${HOLDER}) WHERE ${FENCE} RETURNING t.id
) ${SETTLED} FROM begun`,
    /** Claimed, and never started: as if it had not been claimed, in its old place. */
    settleUnclaimed: `
WITH unclaimed AS (
  UPDATE ${task} t
  SET ${RELEASED}, attempts_left = ${atMost(`t.attempts_left + CASE WHEN ${HAS_BEGUN} THEN 1 ELSE 0 END`)},
      attempts_elapsed = ${atLeast(`t.attempts_elapsed - CASE WHEN ${HAS_BEGUN} THEN 1 ELSE 0 END`)}
  FROM ROWS FROM (${HOLDERS}) AS u(${HOLDER}) WHERE ${FENCE} RETURNING t.id
) ${SETTLED} FROM unclaimed`,
    /**
     * A handler settles inside its own transaction: $1 and $2 of its attempt alone. Answers a row when that held its task, with the
     * transaction's id. The transaction remembers it, in a setting that a roll-back takes back, to a savepoint too.
     */
    completeKeeping: `
UPDATE ${task} t SET status = 'succeeded', ${RELEASED}, finished_at = now()
WHERE ${ONE_HOLDER} RETURNING ${COMPLETED}`,
    completeDeleting: `
DELETE FROM ${task} t WHERE ${ONE_HOLDER} RETURNING ${COMPLETED}`,
    /** What this transaction has completed. */
    findCompleted: `SELECT current_setting('pgqueue.completed', true) AS completed`,
    /** $1 ids of transactions. Those that were rolled back, or are not yet: the server has gone back in time. */
    findRolledBack: `
SELECT json_agg(u.xid::text)::text AS aborted FROM unnest($1::xid8[]) AS u(xid)
WHERE CASE WHEN u.xid < pg_snapshot_xmax(pg_current_snapshot()) THEN pg_xact_status(u.xid) = 'aborted' ELSE true END`,
    /** Which of these rows another transaction holds. $1 ids. */
    findHeld: `
WITH free AS MATERIALIZED (
  SELECT t.id FROM ${task} t WHERE t.id = ANY ($1::bigint[]) FOR UPDATE SKIP LOCKED
)
SELECT json_agg(t.id)::text AS held FROM ${task} t WHERE t.id = ANY ($1::bigint[]) AND t.id NOT IN (SELECT id FROM free)`,
    /** Which of these attempts no longer hold their task, and what that is now. */
    findLost: `
SELECT json_agg(json_build_array(u.claim_id, u.id, t.status))::text AS lost
FROM ROWS FROM (${HOLDERS}) AS u(${HOLDER})
LEFT JOIN ${task} t ON ${betweenIds('u.id')}
WHERE (${FENCE}) IS NOT TRUE`,
  };
}
