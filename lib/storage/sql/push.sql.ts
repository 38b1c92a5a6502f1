import type { SchemaNames } from '../schema-names.js';
import { CLOCK } from './clock.sql.js';
import { RING_GAP_MS } from './wake.sql.js';

/** No text in an array of texts is an empty one: under `array_nulls = off` a null would be the text NULL. */
const nonEmpty = (text: string) => `CASE WHEN ${text} <> '' THEN ${text} END`;

/**
 * $1 payloads, one JSON array · $2 kinds · $3 priorities · $4 attempts · $5 keys · $6 delays in ms · $7 traces, or null: none.
 * Payloads travel as one bare JSON array: no double encoding, and `\u0000` passes.
 */
const SOURCE = `
  SELECT u.kind, u.priority, u.attempts, ${nonEmpty('u.key')}, ${nonEmpty('u.trace')}, u.payload, ${CLOCK} + u.delay * interval '1 millisecond'
  FROM ROWS FROM (json_array_elements($1::json), unnest($2::smallint[]), unnest($3::smallint[]),
                  unnest($4::smallint[]), unnest($5::text[]), unnest($6::bigint[]), unnest($7::text[]))
    AS u(payload, kind, priority, attempts, key, delay, trace)`;

/**
 * The same for tasks that differ in nothing but their payloads, and have no keys: most batches, and cheaper to send and to read.
 * $1 payloads, one JSON array · $2 kind · $3 priority · $4 attempts · $5 delay in ms · $6 trace.
 */
const SAME_SOURCE = `
  SELECT $2::smallint, $3::smallint, $4::smallint, $6::text, u.payload, (SELECT ${CLOCK} + $5::bigint * interval '1 millisecond')
  FROM json_array_elements($1::json) AS u(payload)`;

/**
 * Part of a statement that commits by itself, which the trigger can't find out: it may leave out the ring when there was one
 * just before. In a longer transaction that would lose the wake-up, which must come with the commit.
 */
const ALONE = `set_config('pgqueue.alone', 'on', true)`;

const CONFLICT = 'ON CONFLICT (kind, external_key) WHERE external_key IS NOT NULL';

/** What is answered has names of one word: they are the same for a library that turns names into camel case. */
export function pushSql({ task, bell, channel }: SchemaNames) {
  const insertWith = (alone: boolean) => {
    const suffix = alone ? `, ${ALONE}` : '';
    const insert = `INSERT INTO ${task} AS t (kind, priority, attempts_left, external_key, trace, payload, run_at) ${SOURCE}${suffix}`;
    return {
      /** One task without a key, the cheapest to plan. $1 payload, else as `pushSame`. */
      pushOne: `
INSERT INTO ${task} (kind, priority, attempts_left, trace, payload, run_at)
VALUES ($2::smallint, $3::smallint, ${alone ? `CASE WHEN ${ALONE} IS NOT NULL THEN $4::smallint END` : '$4::smallint'}, $6::text, $1::json,
        ${CLOCK} + $5::bigint * interval '1 millisecond') RETURNING id::text AS id`,
      /** Answers the first id, and all of them only where another's push came between. */
      pushSame: `
WITH pushed AS (
  INSERT INTO ${task} (kind, priority, attempts_left, trace, payload, run_at) ${SAME_SOURCE}${suffix} RETURNING id
) SELECT min(id)::text AS first, CASE WHEN max(id) - min(id) + 1 <> count(*) THEN (SELECT json_agg(id)::text FROM pushed) END AS ids
FROM pushed`,
      /** No task has a key, so that none can be a duplicate. */
      push: `${insert} RETURNING t.id::text AS id`,
      /** Stores nothing for a duplicate: rows come back for the tasks that were stored. */
      pushKeyed: `${insert} ${CONFLICT} DO NOTHING RETURNING t.id::text AS id, t.kind, t.external_key AS key`,
      /** Re-arms a duplicate that no attempt runs. */
      pushReplacing: `${insert} ${CONFLICT} DO UPDATE
        SET payload = excluded.payload, trace = excluded.trace, run_at = excluded.run_at, priority = excluded.priority,
            attempts_left = excluded.attempts_left, attempts_elapsed = 0, status = 'new', messages = NULL, finished_at = NULL
        WHERE t.lease_id IS NULL
        RETURNING t.id::text AS id, t.kind, t.external_key AS key`,
    };
  };
  return {
    ...insertWith(false),
    alone: insertWith(true),
    /**
     * Wakes the workers, unless a statement like this one did so just now. A ring of a push is heard with its commit, however
     * late; this one waits for no disk and no standby.
     */
    ring: `
WITH bell AS MATERIALIZED (
  SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS at, last_value / 2 AS last, last_value % 2 = 1 AS heard FROM ${bell}
)
SELECT set_config('synchronous_commit', 'off', true), setval('${bell.replaceAll("'", "''")}', at * 2 + 1), pg_notify('${channel}', '')::text
FROM bell WHERE NOT heard OR at - last >= ${RING_GAP_MS} OR last > at`,
    /** $1 kinds · $2 keys: the stored tasks that this transaction sees, each by the index, whatever the planner knows of the table. */
    findByKeys: `
      SELECT t.id::text AS id, t.kind, t.external_key AS key
      FROM ROWS FROM (unnest($1::smallint[]), unnest($2::text[])) AS u(kind, key),
      LATERAL (SELECT q.id, q.kind, q.external_key FROM ${task} q WHERE q.kind = u.kind AND q.external_key = u.key LIMIT 1) t`,
  };
}
