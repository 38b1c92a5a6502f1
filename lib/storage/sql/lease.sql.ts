import pg from 'pg';
import { MAX_ATTEMPTS } from '../../task/kind-options.js';
import type { SchemaNames } from '../schema-names.js';
import { appendMessage, CLOCK, fromMicros, isOpenById, micros, OPEN } from './clock.sql.js';

/** The process that ended a lease tries again to take the tasks that it had to leave; after this, others do, since it may be lost itself. */
const LEFT_FOR = '30 seconds';

const isLeft = (lease: string) => `${lease}.ended_at < clock_timestamp() - interval '${LEFT_FOR}'`;

export function leaseSql({ task, lease, pause, status, rewind, channel }: SchemaNames) {
  const toRewind = `nextval(${pg.escapeLiteral(rewind)})`;
  const place = `(CASE WHEN w.run_at < 0 THEN '-infinity' ELSE ${fromMicros('w.run_at')} END, w.id)`;
  // A last attempt that has not begun is not used up.
  const back = 'CASE WHEN t.claim_id < 0 THEN 0 ELSE $3::int END';
  /** Gives back some or all of the tasks that leases hold. */
  const giveBack = (among: string) => `
WITH found AS MATERIALIZED (
  SELECT t.ctid, t.lease_id FROM ${task} t
  WHERE t.lease_id = ANY ($1::bigint[]) AND ${among}
), free AS MATERIALIZED (
  SELECT t.ctid FROM ${task} t
  WHERE t.ctid = ANY (ARRAY(SELECT ctid FROM found)) AND t.lease_id = ANY ($1::bigint[]) AND ${isOpenById('t.status')}
  FOR NO KEY UPDATE SKIP LOCKED
), given AS (
  UPDATE ${task} t
  SET lease_id = NULL, claim_id = NULL, run_at = ${CLOCK},
      attempts_left = least(${MAX_ATTEMPTS}, t.attempts_left + ${back}),
      attempts_elapsed = greatest(0, t.attempts_elapsed - ${back}),
      status = (CASE WHEN t.attempts_left + ${back} <= 0 THEN 'no_attempts_left' ELSE 'must_retry' END)::${status},
      finished_at = CASE WHEN t.attempts_left + ${back} <= 0 THEN now() END,
      messages = ${appendMessage(
        'ended.message',
        `coalesce((SELECT k.keep FROM ROWS FROM (unnest($4::smallint[]), unnest($5::int[])) AS k(kind, keep) WHERE k.kind = t.kind), 1)`,
      )}
  FROM ROWS FROM (unnest($1::bigint[]), unnest($2::text[])) AS ended(id, message)
  WHERE t.ctid = ANY (ARRAY(SELECT ctid FROM free)) AND t.lease_id = ended.id
  RETURNING t.kind, t.status, ended.id AS lease_id
)
SELECT (SELECT json_agg(json_build_array(kind, lease_id, n, exhausted)) FROM (
          SELECT kind, lease_id, count(*) AS n, count(*) FILTER (WHERE status = 'no_attempts_left') AS exhausted
          FROM given GROUP BY kind, lease_id
        ) counted)::text AS given,
       (SELECT json_agg(lease_id) FROM (
          SELECT lease_id FROM found GROUP BY lease_id
          HAVING count(*) > (SELECT count(*) FROM given WHERE given.lease_id = found.lease_id)
        ) remaining)::text AS remaining`;
  return {
    acquire: `
INSERT INTO ${lease} (worker, host, pid, version, kinds, settings, slots, running, refused)
VALUES ($1, $2, $3, $4, $5::smallint[], $6::json, $7::json, $8::json, $9::json) RETURNING id`,
    /**
     * $1 leases of this process · $2 silence in ms · $3 to $7 what the process tells of itself, in its current lease; null where
     * nothing changed · $8 that one · $9 for how many ms it may be silent besides. Answers the leases that are alive, those of others that
     * are late by half of the silence, and whether they are silent for all of it, those that ended a while ago and have tasks still, the
     * kinds that are paused, the session that answers, and whether no other process has anything to do: only of one that has not the
     * heartbeat is still to come.
     */
    heartbeat: `
WITH beat AS (
  UPDATE ${lease}
  SET heartbeat_at = clock_timestamp() + $9 * interval '1 millisecond', kinds = coalesce($3::smallint[], kinds), settings = coalesce($4::json, settings),
      slots = CASE WHEN id = $8 THEN coalesce($5::json, slots) ELSE '{}' END,
      running = CASE WHEN id = $8 THEN coalesce($6::json, running) ELSE '[]' END,
      refused = CASE WHEN id = $8 THEN coalesce($7::json, refused) ELSE '[]' END
  WHERE id = ANY ($1::bigint[]) AND ended_at IS NULL RETURNING id
)
SELECT (SELECT coalesce(json_agg(id), '[]') FROM beat)::text AS alive,
       (SELECT json_agg(json_build_array(
                 l.id, ${micros('l.heartbeat_at')}, l.heartbeat_at < clock_timestamp() - $2 * interval '1 millisecond'))
        FROM ${lease} l
        WHERE l.heartbeat_at < clock_timestamp() - $2 * interval '0.5 millisecond' AND l.id <> ALL ($1::bigint[])
          AND l.ended_at IS NULL)::text AS late,
       (SELECT json_agg(l.id) FROM ${lease} l WHERE ${isLeft('l')})::text AS ended,
       (SELECT coalesce(json_agg(kind), '[]') FROM ${pause})::text AS paused,
       pg_backend_pid() AS session,
       NOT EXISTS (SELECT FROM ${lease} l WHERE l.id <> ALL ($1::bigint[]) AND l.heartbeat_at <= clock_timestamp()) AS idle`,
    /** $1 leases, held by this session from now on: the locks go when it does, and so tell of a process that died. */
    hold: `SELECT (json_agg(id) FILTER (WHERE pg_try_advisory_lock(id)))::text AS held, pg_backend_pid() AS session FROM unnest($1::bigint[]) AS id`,
    /** Ends leases. Rows of a claim of theirs that was rolled back may be behind everyone's cursor: the process that knew goes. */
    end: `DELETE FROM ${lease} WHERE id = ANY ($1::bigint[]) RETURNING ${toRewind}`,
    /** Keeps claims under this lease out until the transaction ends. */
    lock: `SELECT id FROM ${lease} WHERE id = $1 FOR UPDATE`,
    /**
     * Ends those of the suspected leases whose process is dead: silent for the lease timeout, or for a few heartbeats when nobody holds
     * the lock of its session either (a blocked process keeps its connection, a killed one does not). An ended lease stays until no task
     * points to it.
     * $1 lease timeout in ms · $2 silence in ms, or null: the locks tell nothing · $3 the suspects.
     */
    endLost: `
UPDATE ${lease} SET ended_at = clock_timestamp()
WHERE id IN (
  SELECT id FROM ${lease}
  WHERE id = ANY ($3::bigint[]) AND ended_at IS NULL
    AND (heartbeat_at < clock_timestamp() - $1 * interval '1 millisecond'
         OR heartbeat_at < clock_timestamp() - $2 * interval '1 millisecond' AND pg_try_advisory_xact_lock(id))
  FOR UPDATE SKIP LOCKED)
RETURNING id, worker`,
    /** $1 leases. Those of them that ended a while ago, and are nobody else's to end for another while. */
    endLeft: `
UPDATE ${lease} l SET ended_at = clock_timestamp()
WHERE l.id IN (SELECT e.id FROM ${lease} e WHERE e.id = ANY ($1::bigint[]) AND ${isLeft('e')} FOR UPDATE SKIP LOCKED)
RETURNING l.id, l.worker`,
    /** $1 leases that have ended: others may see to what is left of them at once. */
    leave: `UPDATE ${lease} SET ended_at = clock_timestamp() - interval '${LEFT_FOR}' WHERE id = ANY ($1::bigint[]) AND ended_at IS NOT NULL`,
    /** Leases that tasks point to and that do not exist: only foreign SQL leaves such tasks. */
    findOrphans: `
SELECT DISTINCT t.lease_id AS id FROM ${task} t
WHERE t.lease_id IS NOT NULL AND t.status IN ${OPEN} AND NOT EXISTS (SELECT FROM ${lease} l WHERE l.id = t.lease_id)`,
    /**
     * Gives the tasks of leases back, in the transaction that ended these, so that both change hands together, and in a statement
     * of its own: a claim that committed just before is in its snapshot. Tasks whose rows another transaction holds are left.
     * Costs one scan of the table per crash: an index on lease_id would cost every claim its HOT update.
     * $1 leases, $2 the messages for their tasks · $3 attempts given back (0 or 1) · $4 kinds, $5 how many messages each keeps.
     */
    giveBack: giveBack(`t.status IN ${OPEN}`),
    /** The same of these tasks alone: $6 ids. */
    giveBackSome: giveBack(`t.id = ANY ($6::bigint[]) AND ${isOpenById('t.status')}`),
    /** The tasks that leases hold. $1 leases. */
    findLeased: `
SELECT json_agg(json_build_array(t.id, t.kind, t.lease_id))::text AS leased
FROM ${task} t WHERE t.lease_id = ANY ($1::bigint[]) AND t.status IN ${OPEN}`,
    /**
     * Tasks of a claim of this process whose result was lost: the claim read these levels, from these positions on.
     * $1 claim · $2 kinds, $3 priorities, $4 and $5 places (run_at in µs, below 0 for -infinity; id) · $6 most rows to read of a level.
     */
    findStray: `
SELECT json_agg(json_build_array(stray.id, stray.kind, $1::bigint))::text AS held
FROM ROWS FROM (unnest($2::smallint[]), unnest($3::smallint[]), unnest($4::bigint[]), unnest($5::bigint[])) AS w(kind, priority, run_at, id),
LATERAL (
  SELECT read.id, read.kind FROM (
    SELECT q.id, q.kind, q.claim_id FROM ${task} q
    WHERE q.kind = w.kind AND q.priority = w.priority AND q.status IN ${OPEN} AND (q.run_at, q.id) > ${place} AND q.run_at <= now()
    ORDER BY q.run_at, q.id LIMIT $6
  ) read
  WHERE abs(read.claim_id) = $1::bigint
) stray`,
    /**
     * What these leases hold behind the places that a process's claims have reached: only tasks that somebody holds are left there, so
     * that little is read. $1 leases · $2 kinds, $3 priorities, $4 and $5 places (run_at in µs; id).
     */
    findOwn: `
SELECT json_agg(json_build_array(own.id, own.kind, abs(own.claim_id)))::text AS held
FROM ROWS FROM (unnest($2::smallint[]), unnest($3::smallint[]), unnest($4::bigint[]), unnest($5::bigint[])) AS w(kind, priority, run_at, id),
LATERAL (
  SELECT q.id, q.kind, q.claim_id FROM ${task} q
  WHERE q.kind = w.kind AND q.priority = w.priority AND q.status IN ${OPEN} AND (q.run_at, q.id) <= ${place}
    AND q.lease_id = ANY ($1::bigint[])
) own`,
    /** Makes every process reset its cursors at once: rows have come to lie behind them. */
    rewind: `SELECT ${toRewind}, pg_notify('${channel}', '')::text`,
  };
}
