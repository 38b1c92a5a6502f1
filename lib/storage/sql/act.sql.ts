import type { SchemaNames } from '../schema-names.js';
import { CLOCK, isOpenById, OPEN } from './clock.sql.js';
import { amongIds } from './same-id.sql.js';

/**
 * Changes tasks by their ids, for operators. Each row is changed only while its status allows it, whatever has happened since it was
 * read; the rows are locked in the order of their ids, so that two operators wait for each other instead of deadlocking.
 * $1 ids. Returns how many were changed, by kind.
 */
export function actSql({ task, lease, channel }: SchemaNames) {
  const act = (condition: string, change: string, told = 'NULL', lock = 'FOR NO KEY UPDATE') => `
WITH locked AS (
  SELECT t.id, t.lease_id FROM ${task} t WHERE t.id = ANY ($1::bigint[]) AND ${condition} ORDER BY t.id ${lock}
), changed AS (
  ${change} ${amongIds('locked.id')} RETURNING t.id, t.kind, locked.lease_id
)
SELECT coalesce(json_agg(json_build_array(kind, n)), '[]')::text AS answer, ${told} AS told
FROM (SELECT kind, count(*) AS n FROM changed GROUP BY kind) counted`;
  const ring = `CASE WHEN count(*) > 0 THEN pg_notify('${channel}', '')::text END`;
  return {
    act: {
      /** New attempts, due now; as many as it had. $2 or so many. The clock is read once, so that they run in the order of their ids. */
      retry: act(
        "t.status::text = 'no_attempts_left'",
        `UPDATE ${task} t
  SET status = 'must_retry', finished_at = NULL, attempts_elapsed = 0, run_at = (SELECT ${CLOCK}),
      attempts_left = coalesce($2::int, greatest(1, least(32767, t.attempts_left::int + t.attempts_elapsed)))
  FROM locked WHERE`,
        ring,
      ),
      /** A running attempt loses its lease, and its process is told at commit. */
      cancel: act(
        isOpenById('t.status'),
        `UPDATE ${task} t SET status = 'cancelled', lease_id = NULL, claim_id = NULL, finished_at = now() FROM locked WHERE`,
        `(SELECT count(pg_notify('${channel}', 'lost:' || lease_id || ':' || id)::text) FROM changed WHERE lease_id IS NOT NULL)`,
      ),
      /** All but what an attempt runs: what no lease holds, or the database does not let begin, end or be released, does not run. */
      delete: act(
        `(t.lease_id IS NULL OR t.status NOT IN ${OPEN} OR NOT EXISTS (SELECT FROM ${lease} l WHERE l.id = t.lease_id)
      OR EXISTS (SELECT FROM ${lease} l, json_array_elements(l.refused) r
                 WHERE r ->> 0 = t.id::text AND r ->> 2 IN ('begin', 'outcome', 'release')))`,
        `DELETE FROM ${task} t USING locked WHERE`,
        'NULL',
        'FOR UPDATE',
      ),
      /** Due now instead of later. */
      runNow: act(
        `${isOpenById('t.status')} AND t.lease_id IS NULL AND t.run_at > clock_timestamp()`,
        `UPDATE ${task} t SET run_at = (SELECT ${CLOCK}) FROM locked WHERE`,
        ring,
      ),
    },
  };
}
