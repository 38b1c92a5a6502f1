import type { SchemaNames } from '../schema-names.js';
import { millis } from './clock.sql.js';

/** The same in every time zone. */
const CURRENT_MINUTE = `date_trunc('minute', now(), 'UTC')`;

/** Bucket by bucket; the shorter one ends in zeros. */
const sum = (column: string) => `ARRAY(
    SELECT coalesce(n.stored, 0) + coalesce(n.added, 0)
    FROM unnest(a.${column}, excluded.${column}) WITH ORDINALITY AS n(stored, added, bucket) ORDER BY bucket)`;

/** The sums of all minutes. */
const buckets = (column: string) => `(
  SELECT coalesce(json_agg(json_build_array(kind, bucket - 1, n)), '[]')
  FROM (
    SELECT r.kind, b.bucket, sum(b.n) AS n FROM shown r, unnest(r.${column}) WITH ORDINALITY AS b(n, bucket)
    WHERE b.n > 0 GROUP BY 1, 2
  ) summed)`;

export function activitySql({ activity }: SchemaNames) {
  return {
    /**
     * Adds to the current minute, in the order of the kinds, so that processes wait for each other in turn.
     * $1 kinds · $2 succeeded · $3 failed · $4 exhausted · $5, $6 wait and run, each an array of buckets in a text.
     */
    addActivity: `
INSERT INTO ${activity} AS a (minute, kind, succeeded, failed, exhausted, wait, run)
SELECT ${CURRENT_MINUTE}, d.kind, d.succeeded, d.failed, d.exhausted, d.wait::bigint[], d.run::bigint[]
FROM unnest($1::smallint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::text[])
  AS d(kind, succeeded, failed, exhausted, wait, run)
ORDER BY d.kind
ON CONFLICT (minute, kind) DO UPDATE
SET succeeded = a.succeeded + excluded.succeeded, failed = a.failed + excluded.failed, exhausted = a.exhausted + excluded.exhausted,
  wait = ${sum('wait')},
  run = ${sum('run')}`,
    /** $1 how many minutes are kept · $2 batch. */
    expireActivity: `
WITH expired AS (
  DELETE FROM ${activity}
  WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM ${activity} WHERE minute < now() - $1::int * interval '1 minute' ORDER BY minute LIMIT $2 FOR UPDATE SKIP LOCKED))
  RETURNING kind
)
SELECT count(*)::int AS count FROM expired`,
    /** $1 how many minutes, the one that goes on included · $2 of how many kinds at most, those that fail first; null: of all. */
    activity: `
WITH clock AS MATERIALIZED (
  SELECT ${CURRENT_MINUTE} AS newest
), recent AS MATERIALIZED (
  SELECT a AS row FROM clock, ${activity} a
  WHERE a.minute > clock.newest - $1::int * interval '1 minute' AND a.minute <= clock.newest
), shown AS MATERIALIZED (
  SELECT r.* FROM (
    SELECT array_agg(row) AS rows FROM recent
    GROUP BY (row).kind ORDER BY sum((row).failed) DESC, sum((row).succeeded) DESC, (row).kind LIMIT $2::int
  ) busiest, unnest(busiest.rows) r
)
SELECT json_build_object(
  'newest', (SELECT ${millis('newest')} FROM clock),
  'minutes', (SELECT coalesce(json_agg(json_build_array(kind, ${millis('minute')}, succeeded, failed, exhausted)), '[]') FROM shown),
  'totals', (SELECT coalesce(json_agg(json_build_array(at, succeeded, failed, exhausted)), '[]') FROM (
    SELECT ${millis('(row).minute')} AS at, sum((row).succeeded) AS succeeded, sum((row).failed) AS failed, sum((row).exhausted) AS exhausted
    FROM recent GROUP BY (row).minute) summed),
  'waits', ${buckets('wait')}, 'runs', ${buckets('run')})::text AS answer`,
  };
}
