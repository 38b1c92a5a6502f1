import type { SchemaNames } from '../schema-names.js';
import { appendMessage, CLOCK, OPEN } from './clock.sql.js';

export function leaseSql({ task, lease, status, rewind, lockClass }: SchemaNames) {
  return {
    acquire: `
INSERT INTO ${lease} (worker, host, pid, version, kinds) VALUES ($1, $2, $3, $4, $5::smallint[]) RETURNING id`,
    /** $1 leases of this process · $2 silence in ms. Answers the leases that are alive, and how many others are silent for longer. */
    heartbeat: `
WITH beat AS (
  UPDATE ${lease} SET heartbeat_at = clock_timestamp() WHERE id = ANY ($1::int[]) RETURNING id
)
SELECT (SELECT coalesce(json_agg(id), '[]') FROM beat)::text AS alive,
       (SELECT count(*) FROM ${lease} l
        WHERE l.heartbeat_at < clock_timestamp() - $2 * interval '1 millisecond' AND l.id <> ALL ($1::int[])) AS silent`,
    /** $1 leases, held by this session from now on: the locks go when it does, and so tell of a process that died. */
    hold: `SELECT bool_and(pg_try_advisory_lock(${lockClass}, id)) AS held FROM unnest($1::int[]) AS id`,
    /** A lease that no task points to any more. */
    end: `DELETE FROM ${lease} WHERE id = ANY ($1::int[])`,
    /**
     * Deletes the leases whose process is dead: silent for the lease timeout, or for a few heartbeats when nobody holds the lock
     * of its session either (a blocked process keeps its connection, a killed one does not).
     * $1 lease timeout in ms · $2 silence in ms, or null: the locks tell nothing.
     */
    endDead: `
DELETE FROM ${lease}
WHERE id IN (
  SELECT id FROM ${lease}
  WHERE heartbeat_at < clock_timestamp() - $1 * interval '1 millisecond'
     OR heartbeat_at < clock_timestamp() - $2 * interval '1 millisecond' AND pg_try_advisory_xact_lock(${lockClass}, id)
  FOR UPDATE SKIP LOCKED)
RETURNING id, worker`,
    /** Leases that tasks point to and that do not exist: only foreign SQL leaves such. */
    findOrphans: `
SELECT DISTINCT t.lease_id AS id, 'unknown' AS worker FROM ${task} t
WHERE t.lease_id IS NOT NULL AND t.status IN ${OPEN} AND NOT EXISTS (SELECT FROM ${lease} l WHERE l.id = t.lease_id)`,
    /**
     * Gives the tasks of ended leases back, the attempt used. In the transaction that ended them, so that both change hands
     * together, and in a statement of its own: a claim that committed just before is in its snapshot.
     * Costs one scan of the table per crash: an index on lease_id would cost every claim its HOT update.
     * $1 leases, $2 their workers · $3 kinds, $4 how many messages each keeps.
     */
    giveBack: `
WITH rescued AS (
  UPDATE ${task} t
  SET lease_id = NULL, run_at = ${CLOCK},
      status = (CASE WHEN t.attempts_left <= 0 THEN 'no_attempts_left' ELSE 'must_retry' END)::${status},
      finished_at = CASE WHEN t.attempts_left <= 0 THEN now() END,
      messages = ${appendMessage(
        `('worker process lost: ' || dead.worker)`,
        `coalesce((SELECT k.keep FROM ROWS FROM (unnest($3::smallint[]), unnest($4::int[])) AS k(kind, keep) WHERE k.kind = t.kind), 1)`,
      )}
  FROM ROWS FROM (unnest($1::int[]), unnest($2::text[])) AS dead(id, worker)
  WHERE t.lease_id = dead.id AND t.status IN ${OPEN}
  RETURNING t.kind, t.status, dead.worker
)
SELECT json_agg(json_build_array(kind, worker, n, exhausted))::text AS rescued
FROM (
  SELECT kind, worker, count(*) AS n, count(*) FILTER (WHERE status = 'no_attempts_left') AS exhausted
  FROM rescued GROUP BY kind, worker
) counted`,
    /** The same for a lease of this process that may hold tasks which never reached it: their attempt was never started. */
    release: `
WITH ended AS (DELETE FROM ${lease} WHERE id = $1 RETURNING id)
UPDATE ${task} t
SET lease_id = NULL, run_at = ${CLOCK}, status = 'must_retry',
    attempts_left = t.attempts_left + 1, attempts_elapsed = t.attempts_elapsed - 1
FROM ended WHERE t.lease_id = ended.id AND t.status IN ${OPEN} RETURNING t.id`,
    /** Makes every process start its cursors anew: a claim of the dead process may have rolled back rows behind them. */
    rewind: `SELECT nextval('${rewind.replaceAll("'", "''")}')`,
  };
}
