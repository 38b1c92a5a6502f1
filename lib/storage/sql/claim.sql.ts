import { MAX_ATTEMPTS } from '../../task/kind-options.js';
import type { SchemaNames } from '../schema-names.js';
import { CLAIMED } from '../task-columns.js';
import { EXACT_IDS, fromMicros, micros, microsOfPast, OPEN } from './clock.sql.js';

/** PostgreSQL compresses hardly any text to less than a hundredth of its size. */
const MOST_COMPRESSED = 100;
/** A stored payload of so few bytes is hardly ever compressed: none whose row was shorter than 2 kB is. */
const SMALL_BYTES = 256;

/** In bytes of JSON. A large one is unpacked for that. */
const sizeOf = (payload: string) =>
  `CASE WHEN pg_column_size(${payload}) <= ${SMALL_BYTES} THEN pg_column_size(${payload}) ELSE octet_length(${payload}::text) END`;

/** What a claim returns of a task, besides the payload. */
const RETURNED = CLAIMED.map((column) => (column === 'run_at' ? microsOfPast(column) : column)).join(', ');

/** The same as the update of a claim has it: the last attempt is claimed without being used up, so that none is left after it. */
const UPDATED = CLAIMED.map((column) =>
  column === 'attempts_left'
    ? 'CASE WHEN t.claim_id > 0 THEN t.attempts_left ELSE 0 END AS attempts_left'
    : `t.${column}`,
).join(', ');

/**
 * One round trip claims for all kinds of the process: one index probe per (kind, priority), each from its cursor.
 *
 * $1 lease · per kind: $2 kinds, $3 free slots, $4 and $5 first and last place of its levels in
 * · per level: $6 priorities, $7 and $8 cursors (run_at in µs, below 0 for -infinity; id) · $9 most rows in all
 * · $10 take a transaction id even when nothing is claimed · $11 look for the next delayed task too · $12 the claim's number
 * · $13 most bytes of payloads · $14 ids: those that are passed over, or the only ones.
 *
 * The rows are found by their ctid: a TID scan can't be re-planned so that a LIMIT runs twice. An update that changes
 * nothing but lease_id and attempts_* touches no index (HOT). The lease row is locked at the first claimed row, so that a
 * rescue, which deletes it, and a claim can't pass each other: rows found and none taken say that it is gone. Some found and
 * not taken are rows that another transaction changed after the claim's snapshot: locked in their new version, which the
 * snapshot does not show to the update.
 */
export function claimSql({ task, lease, rewind, claimIndex }: SchemaNames) {
  const cursor = `(CASE WHEN ($7::bigint[])[i] < 0 THEN '-infinity'
                   ELSE ${fromMicros('($7::bigint[])[i]')} END, ($8::bigint[])[i])`;
  const kinds = `ROWS FROM (unnest($2::smallint[]), unnest($3::int[]), unnest($4::int[]), unnest($5::int[])) AS k(kind, n, first, last)`;
  // A task's last attempt is used up when it begins, not when it is claimed: its claim stands in the row with a minus until then.
  const hasMore = 't.attempts_left > 1';
  const open = `q.status IN ${OPEN} AND q.lease_id IS NULL`;

  /** How many rows this transaction has found by the index of claims so far, whoever holds them. */
  const fetched = `coalesce(pg_stat_get_xact_tuples_fetched(to_regclass('${claimIndex.replaceAll("'", "''")}')), 0)`;

  /** The rows that are due, in their order. */
  const dueRows = (columns: string, outer: string, condition: string, lock: string, first = '') => `
    SELECT ${outer}
    FROM ${first}${kinds},
    LATERAL (
      SELECT of_level.*
      FROM generate_series(k.first, k.last) AS i,
      LATERAL (
        SELECT ${columns} FROM ${task} q
        WHERE q.kind = k.kind AND q.priority = ($6::smallint[])[i] AND ${open}
          AND (q.run_at, q.id) > ${cursor} AND q.run_at <= now() AND q.id BETWEEN ${EXACT_IDS}${condition}
        ORDER BY q.run_at, q.id LIMIT k.n${lock}
      ) of_level
      LIMIT k.n
    ) of_kind
    LIMIT $9`;
  const passedOver = ' AND q.id <> ALL ($14::bigint[])';
  const locked = ' FOR NO KEY UPDATE SKIP LOCKED';

  /** Leases the rows of the table `due`, and answers them. */
  const claim = (due: string, skipped: string, isCut: string) => `
WITH ${due}, claimed AS (
  UPDATE ${task} t
  SET lease_id = $1, claim_id = CASE WHEN ${hasMore} THEN $12::bigint ELSE -$12::bigint END,
      attempts_left = CASE WHEN ${hasMore} THEN t.attempts_left - 1 ELSE t.attempts_left END,
      attempts_elapsed = CASE WHEN ${hasMore} THEN least(t.attempts_elapsed, ${MAX_ATTEMPTS - 1}) + 1 ELSE t.attempts_elapsed END
  WHERE t.ctid = ANY ((SELECT ctids FROM due)::tid[])
    AND coalesce(t.lease_id, $1) = (SELECT l.id FROM ${lease} l WHERE l.id = $1 AND l.ended_at IS NULL FOR KEY SHARE)
  RETURNING ${UPDATED}, t.payload
), small AS MATERIALIZED (
  SELECT coalesce(sum(pg_column_size(payload)), 0) * ${MOST_COMPRESSED} <= $13::bigint AS small FROM claimed
), fit AS MATERIALIZED (
  SELECT count(*) = 1 OR sum(${sizeOf('payload')}) <= $13::bigint AS fit FROM claimed
), answer AS MATERIALIZED (
  SELECT json_agg(
           CASE WHEN (SELECT small FROM small)
             THEN json_build_array(${RETURNED}, payload)
             ELSE json_build_array(${RETURNED}, CASE WHEN (SELECT fit FROM fit) THEN payload END, ${sizeOf('payload')}) END
           ORDER BY kind, priority, run_at, id) AS tasks
  FROM claimed
)
SELECT answer.tasks::text AS tasks,
       cardinality((SELECT ctids FROM due)) AS found,
       ${skipped} AS skipped,
       ${isCut} AS cut,
       CASE WHEN NOT (SELECT small FROM small) THEN NOT (SELECT fit FROM fit) END AS withheld,
       ${microsOfPast('now()')} AS now,
       pg_current_snapshot()::text AS snapshot,
       CASE WHEN $10 THEN pg_current_xact_id() ELSE pg_current_xact_id_if_assigned() END::text AS xid,
       (SELECT last_value FROM ${rewind}) AS rewind,
       CASE WHEN $11 THEN (
         SELECT ${micros('min(delayed.run_at)')} - ${microsOfPast('clock_timestamp()')}
         FROM ${kinds}, generate_series(k.first, k.last) AS i,
         LATERAL (
           SELECT q.run_at FROM ${task} q
           WHERE q.kind = k.kind AND q.priority = ($6::smallint[])[i] AND ${open} AND q.run_at > now()
           ORDER BY q.run_at LIMIT 1
         ) delayed
       ) END AS next_due
FROM answer`;

  // What is counted before is counted first: what is found is selected from it.
  const before = `before AS MATERIALIZED (SELECT ${fetched} AS fetched)`;
  const plain = (condition: string) =>
    claim(
      `${before}, taken AS MATERIALIZED (
  SELECT before.fetched, ARRAY(${dueRows('q.ctid', 'of_kind.ctid', condition, locked)}
  ) AS ctids
  FROM before
), due AS MATERIALIZED (
  SELECT ctids, ${fetched} - fetched - cardinality(ctids) AS locked FROM taken
)`,
      '(SELECT locked FROM due)',
      'false',
    );
  const whenCounted = ' AND before.fetched IS NOT NULL';
  return {
    /** The usual one. */
    claim: plain(''),
    /** Passes over some. */
    claimExcept: plain(passedOver),
    /** Takes as many as fit, the first in any case. Those that don't are locked for as long as the statement runs. */
    claimSized: claim(
      `${before}, sized AS MATERIALIZED (${dueRows(`q.ctid, ${sizeOf('q.payload')} AS size`, 'of_kind.ctid, of_kind.size', passedOver + whenCounted, locked, 'before, ')}
), counted AS MATERIALIZED (
  SELECT count(*) AS count, ${fetched} AS fetched FROM sized
), fitting AS MATERIALIZED (
  SELECT ctid FROM (SELECT ctid, size, sum(size) OVER (ROWS UNBOUNDED PRECEDING) AS total FROM sized) summed
  WHERE total <= $13::bigint OR total = size
), due AS MATERIALIZED (
  SELECT ARRAY(SELECT ctid FROM fitting) AS ctids
)`,
      '(SELECT counted.fetched - before.fetched - counted.count FROM before, counted)',
      'cardinality((SELECT ctids FROM due)) < (SELECT count FROM counted)',
    ),
    /** Takes only these, wherever they are; the kinds are looked at for the next delayed task alone. */
    claimOnly: claim(
      `unused AS (SELECT $7::bigint[], $8::bigint[]), due AS MATERIALIZED (
  SELECT ARRAY(
    SELECT q.ctid FROM ${task} q
    WHERE q.id = ANY ($14::bigint[]) AND ${open} AND q.run_at <= now() AND q.kind = ANY ($2::smallint[])
    LIMIT $9${locked}
  ) AS ctids
)`,
      '0',
      'false',
    ),
    /** What a claim would take if nobody held it, without taking it. */
    findDue: `
WITH unused AS (SELECT $1::bigint, $10::boolean, $11::boolean, $12::bigint, $13::bigint)
SELECT coalesce(json_agg(json_build_array(id, kind, priority, ${microsOfPast('run_at')})), '[]')::text AS due
FROM (${dueRows('q.id, q.kind, q.priority, q.run_at', 'of_kind.*', passedOver, '')}
) found`,
    /** $1 ids. Which of them a claim could take if nobody held them. */
    findDueAmong: `SELECT coalesce(json_agg(q.id), '[]')::text AS due FROM ${task} q WHERE q.id = ANY ($1::bigint[]) AND ${open} AND q.run_at <= now()`,
  };
}
