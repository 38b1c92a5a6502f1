import type { SchemaNames } from '../schema-names.js';
import { EXACT_IDS, fromMicros, micros, OPEN } from './clock.sql.js';

/**
 * One round trip claims for all kinds of the process: one index probe per (kind, priority), each from its cursor.
 *
 * $1 lease · per kind: $2 kinds, $3 free slots, $4 and $5 first and last place of its levels in
 * · per level: $6 priorities, $7 and $8 cursors (run_at in µs, below 0 for -infinity; id) · $9 most rows in all
 * · $10 take a transaction id even when nothing is claimed · $11 look for the next delayed task too · $12 the claim's number.
 *
 * The rows are found by their ctid: a TID scan can't be re-planned so that a LIMIT runs twice. An update that changes
 * nothing but lease_id and attempts_* touches no index (HOT). The lease row is locked at the first claimed row, so that a
 * rescue, which deletes it, and a claim can't pass each other: rows found and none taken say that it is gone. Some found and
 * not taken are rows that another transaction changed after the claim's snapshot: locked in their new version, which the
 * snapshot does not show to the update.
 */
export function claimSql({ task, lease, rewind }: SchemaNames) {
  const cursor = `(CASE WHEN ($7::bigint[])[i] < 0 THEN '-infinity'
                   ELSE ${fromMicros('($7::bigint[])[i]')} END, ($8::bigint[])[i])`;
  const kinds = `ROWS FROM (unnest($2::smallint[]), unnest($3::int[]), unnest($4::int[]), unnest($5::int[])) AS k(kind, n, first, last)`;
  // A task's last attempt is used up when it begins, not when it is claimed: its claim stands in the row with a minus until then.
  const hasMore = 't.attempts_left > 1';
  return {
    claim: `
WITH due AS MATERIALIZED (
  SELECT ARRAY(
    SELECT of_kind.ctid
    FROM ${kinds},
    LATERAL (
      SELECT of_level.ctid
      FROM generate_series(k.first, k.last) AS i,
      LATERAL (
        SELECT q.ctid FROM ${task} q
        WHERE q.kind = k.kind AND q.priority = ($6::smallint[])[i] AND q.status IN ${OPEN} AND q.lease_id IS NULL
          AND (q.run_at, q.id) > ${cursor} AND q.run_at <= now() AND q.id BETWEEN ${EXACT_IDS}
        ORDER BY q.run_at, q.id LIMIT k.n FOR NO KEY UPDATE SKIP LOCKED
      ) of_level
      LIMIT k.n
    ) of_kind
    LIMIT $9
  ) AS ctids
), claimed AS (
  UPDATE ${task} t
  SET lease_id = $1, claim_id = CASE WHEN ${hasMore} THEN $12::bigint ELSE -$12::bigint END,
      attempts_left = CASE WHEN ${hasMore} THEN t.attempts_left - 1 ELSE t.attempts_left END,
      attempts_elapsed = CASE WHEN ${hasMore} THEN least(32767, t.attempts_elapsed + 1) ELSE t.attempts_elapsed END
  WHERE t.ctid = ANY ((SELECT ctids FROM due)::tid[])
    AND coalesce(t.lease_id, $1) = (SELECT l.id FROM ${lease} l WHERE l.id = $1 FOR KEY SHARE)
  RETURNING t.id, t.kind, t.priority, t.run_at, CASE WHEN t.claim_id > 0 THEN t.attempts_left ELSE 0 END AS attempts_left,
            t.attempts_elapsed, t.external_key, t.trace, t.payload
), answer AS MATERIALIZED (
  SELECT json_agg(json_build_array(id, kind, priority, ${micros('run_at')}, attempts_left, attempts_elapsed, external_key, trace, payload)
                  ORDER BY kind, priority, run_at, id) AS tasks
  FROM claimed
)
SELECT answer.tasks::text AS tasks,
       cardinality((SELECT ctids FROM due)) AS found,
       ${micros('now()')} AS now,
       pg_current_snapshot()::text AS snapshot,
       CASE WHEN $10 THEN pg_current_xact_id() ELSE pg_current_xact_id_if_assigned() END::text AS xid,
       (SELECT last_value FROM ${rewind}) AS rewind,
       CASE WHEN $11 THEN (
         SELECT ${micros('min(delayed.run_at)')} - ${micros('clock_timestamp()')}
         FROM ${kinds}, generate_series(k.first, k.last) AS i,
         LATERAL (
           SELECT q.run_at FROM ${task} q
           WHERE q.kind = k.kind AND q.priority = ($6::smallint[])[i] AND q.status IN ${OPEN} AND q.lease_id IS NULL AND q.run_at > now()
           ORDER BY q.run_at LIMIT 1
         ) delayed
       ) END AS next_due
FROM answer`,
  };
}
