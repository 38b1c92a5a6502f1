import pg from 'pg';
import type { SchemaNames } from '../schema-names.js';
import { micros, millis, OPEN } from './clock.sql.js';
import { writersPath } from './path.sql.js';
import { ERROR_CHARACTERS, FINISHED, kindsIn, SHOWN_STATUS, taskSummary } from './shown.sql.js';

/** How many error messages of a task are shown, the last ones. */
const MAX_ERRORS = 100;

const EXHAUSTED = "= 'no_attempts_left'";

const isDue = (t: string) => `${t}.lease_id IS NULL AND ${t}.run_at <= now()`;

export function adminSql({ task, lease, pause, channel }: SchemaNames) {
  const counted = (of: string, condition: string, order: string, status = SHOWN_STATUS) => `
  SELECT '${of}' AS class, g.kind, found.status, found.n, found.oldest
  FROM groups g, LATERAL (
    SELECT few.status, count(*) AS n, min(few.run_at) AS oldest
    FROM (
      SELECT ${status} AS status, CASE WHEN ${isDue('t')} THEN t.run_at END AS run_at FROM ${task} t
      WHERE t.kind = g.kind AND t.status ${condition} ORDER BY ${order} LIMIT (SELECT ${of} FROM cap)
    ) few GROUP BY few.status
  ) found
  WHERE g.class = '${of}'`;

  return {
    /**
     * Settings of one transaction. $1 the longest that a statement may take, in ms. The indexes are right whatever the statistics say,
     * and the path is the queue's own.
     * Returns the server's time, and how old the data may be that are read then, in ms; null on a replica that has replayed nothing
     * since it started.
     */
    beginRead: `SELECT pg_catalog.set_config('search_path', ${writersPath(task)}, true), set_config('statement_timeout', $1::text, true), set_config('enable_seqscan', 'off', true),
       set_config('enable_bitmapscan', 'off', true), set_config('jit', 'off', true), ${millis('clock_timestamp()')}::text AS now,
       CASE WHEN NOT pg_is_in_recovery() THEN 0 WHEN pg_last_xact_replay_timestamp() IS NOT NULL
         THEN greatest(0, ${millis('clock_timestamp()')} - ${millis('pg_last_xact_replay_timestamp()')}) END::text AS age`,
    /**
     * Tasks by kind and status. Small groups are counted by their index; where that meets the cap, a sample of the table's blocks
     * tells how many there may be. Exhausted ones, which matter more and cost less, are counted further. Finished ones, whose status only
     * the table knows, are not told apart (status null) where their index meets the cap, and the sample can tell.
     * A table of no more blocks than the sample is read whole, and so counted exactly. The oldest due task of a kind is among those
     * that were counted; where that meets the cap, each priority is asked for its own.
     * $1 blocks to sample · $2 how many rows to count at most in all · $3 so many kinds of a class are counted at most, and of others
     * the sample tells; null: all are.
     */
    counts: `
WITH RECURSIVE ${kindsIn('open_kinds', task, `q.status IN ${OPEN}`)}, ${kindsIn('exhausted_kinds', task, `q.status ${EXHAUSTED}`)},
${kindsIn('finished_kinds', task, `q.status IN ${FINISHED}`)},
groups AS MATERIALIZED (
  (SELECT 'open' AS class, kind FROM open_kinds WHERE kind IS NOT NULL LIMIT $3::int)
  UNION ALL (SELECT 'exhausted', kind FROM exhausted_kinds WHERE kind IS NOT NULL LIMIT $3::int)
  UNION ALL (SELECT 'finished', kind FROM finished_kinds WHERE kind IS NOT NULL LIMIT $3::int)
), cap AS MATERIALIZED (
  SELECT n AS open, n AS finished, n * 5 AS exhausted
  FROM (SELECT greatest(100, least(1000, $2::int / greatest(1, count(*)))) AS n FROM groups) shared
), share AS MATERIALIZED (
  SELECT least(100, 100.0 * $1::int * current_setting('block_size')::int
                      / greatest(1, pg_relation_size(${pg.escapeLiteral(task)}::regclass))) AS percent
), sampled AS MATERIALIZED (
  SELECT t.kind, ${SHOWN_STATUS} AS status, sum(t.n)::bigint AS n
  FROM (
    SELECT kind, status, CASE WHEN lease_id IS NOT NULL THEN 0 END AS lease_id, count(*) AS n
    FROM ${task} TABLESAMPLE SYSTEM ((SELECT percent FROM share)) GROUP BY 1, 2, 3
  ) t GROUP BY 1, 2
), much_finished AS MATERIALIZED (
  SELECT g.kind FROM groups g, cap, share
  WHERE g.class = 'finished'
    AND cap.finished <= (SELECT sum(s.n) * 100 / share.percent FROM sampled s WHERE s.kind = g.kind AND s.status IN ${FINISHED})
    AND EXISTS (SELECT FROM ${task} t WHERE t.kind = g.kind AND t.status IN ${FINISHED} ORDER BY t.finished_at OFFSET cap.finished - 1 LIMIT 1)
), counted AS MATERIALIZED (
${counted('open', `IN ${OPEN}`, 't.priority, t.run_at, t.id')}
UNION ALL
${counted('exhausted', EXHAUSTED, 't.created_at', "'no_attempts_left'")}
UNION ALL
${counted('finished', `IN ${FINISHED}`, 't.finished_at')} AND g.kind NOT IN (SELECT kind FROM much_finished)
UNION ALL
  SELECT 'finished', kind, NULL, (SELECT finished FROM cap), NULL FROM much_finished
), open_counted AS MATERIALIZED (
  SELECT kind, min(oldest) AS oldest, sum(n) < (SELECT open FROM cap) AS whole FROM counted WHERE class = 'open' GROUP BY kind
), oldest AS (
  SELECT kind, oldest AS run_at FROM open_counted WHERE whole AND oldest IS NOT NULL
  UNION ALL
  SELECT k.kind, min(due.run_at)
  FROM open_counted k, generate_series(0, 9) AS level, LATERAL (
    SELECT q.run_at FROM ${task} q
    WHERE q.kind = k.kind AND q.priority = level AND q.status IN ${OPEN} AND ${isDue('q')}
    ORDER BY q.run_at, q.id LIMIT 1
  ) due
  WHERE NOT k.whole GROUP BY k.kind
)
SELECT json_build_object(
  'percent', (SELECT percent FROM share),
  'partial', (SELECT coalesce(bool_or(n >= $3::int), false) FROM (SELECT count(*) AS n FROM groups GROUP BY class) numbers), 'caps', (SELECT to_json(cap) FROM cap),
  'counted', (SELECT coalesce(json_agg(json_build_array(class, kind, status, n)), '[]') FROM counted),
  'sampled', (SELECT coalesce(json_agg(json_build_array(kind, status, n)), '[]') FROM sampled),
  'oldest', (SELECT coalesce(json_agg(json_build_array(kind, ${micros('run_at')})), '[]') FROM oldest))::text AS answer`,
    /** The worker processes, as their last heartbeat left them. */
    workers: `
SELECT coalesce(json_agg(json_build_object(
  'leaseId', l.id, 'worker', l.worker, 'host', l.host, 'pid', l.pid, 'version', l.version, 'startedAt', ${micros('l.started_at')},
  'heartbeatAt', ${micros('least(l.heartbeat_at, clock_timestamp())')}, 'silentMs', greatest(0, (${micros('clock_timestamp()')} - ${micros('l.heartbeat_at')}) / 1000),
  'settings', l.settings, 'slots', l.slots, 'running', l.running, 'refused', l.refused) ORDER BY l.id), '[]')::text AS answer
FROM ${lease} l`,
    pauses: `
SELECT coalesce(json_agg(json_build_array(kind, ${micros('paused_at')}) ORDER BY kind), '[]')::text AS answer FROM ${pause}`,
    /** $1 id · $2 a longer payload, in bytes, is not answered; null: any is. */
    findTask: `
SELECT json_build_object('task', ${taskSummary(lease)}, 'payloadBytes', octet_length(t.payload::text),
  'payload', CASE WHEN $2::int IS NULL OR octet_length(t.payload::text) <= $2::int THEN t.payload::text END,
  'errors', ARRAY(
    SELECT left(shown.message, ${ERROR_CHARACTERS})
    FROM unnest(t.messages[greatest(1, cardinality(t.messages) - ${MAX_ERRORS - 1}):]) WITH ORDINALITY AS shown(message, n) ORDER BY n),
  'leaseId', CASE WHEN t.status IN ${OPEN} THEN t.lease_id END)::text AS answer
FROM ${task} t WHERE t.id = $1::bigint`,
    /** The task's place among the due ones of its kind. $1 id · $2 how many to count at most. */
    findRank: `
SELECT json_build_object(
  'task', ${taskSummary(lease)}, 'leaseId', CASE WHEN t.status IN ${OPEN} THEN t.lease_id END, 'now', ${micros('clock_timestamp()')},
  'pausedAt', (SELECT ${micros('p.paused_at')} FROM ${pause} p WHERE p.kind = t.kind),
  'before', (SELECT count(*) FROM (
    SELECT FROM generate_series(0, t.priority) AS level, LATERAL (
      SELECT FROM ${task} q
      WHERE q.kind = t.kind AND q.priority = level AND q.status IN ${OPEN} AND q.lease_id IS NULL AND q.run_at <= now()
        AND (q.run_at, q.id) < (CASE WHEN level < t.priority THEN 'infinity' ELSE t.run_at END, t.id)
      ORDER BY q.run_at, q.id LIMIT $2::int
    ) due LIMIT $2::int
  ) counted))::text AS answer
FROM ${task} t WHERE t.id = $1::bigint`,
    /** $1 kind. Answers a row when it was not paused. The processes that listen look at once, the others at their next heartbeat. */
    pause: `
WITH paused AS (INSERT INTO ${pause} (kind) VALUES ($1::smallint) ON CONFLICT DO NOTHING RETURNING kind)
SELECT kind, pg_notify('${channel}', 'pauses')::text FROM paused`,
    resume: `
WITH resumed AS (DELETE FROM ${pause} WHERE kind = $1::smallint RETURNING kind)
SELECT kind, pg_notify('${channel}', 'pauses')::text FROM resumed`,
  };
}
