import type { SchemaNames } from '../schema-names.js';
import { ATTEMPTS, CARRIED, DELAY, PUSHED, type PushedColumn, SHARED, STORED } from '../task-columns.js';
import { CLOCK } from './clock.sql.js';
import { WAKE_UP_GAP_MS } from './wake.sql.js';

/** When a task is due. */
const runAfter = (delay: string) => `${CLOCK} + ${delay} * interval '1 millisecond'`;

/** No text in an array of texts is an empty one: under `array_nulls = off` a null would be the text NULL. */
const nonEmpty = (text: string) => `CASE WHEN ${text} <> '' THEN ${text} END`;

/**
 * Tasks of any kind: $1 payloads, one JSON array, and then an array of each of PUSHED, or null for texts that no task has.
 * Payloads travel as one bare JSON array: no double encoding, and `\u0000` passes.
 */
const SOURCE = `
  SELECT ${STORED.map(({ parameter, type }) => (type === 'text' ? nonEmpty(`u.${parameter}`) : `u.${parameter}`)).join(', ')}, u.payload, ${runAfter('u.delay')}
  FROM ROWS FROM (json_array_elements($1::json), ${PUSHED.map(({ type }, index) => `unnest($${index + 2}::${type}[])`).join(', ')})
    AS u(payload, ${PUSHED.map(({ parameter }) => parameter).join(', ')})`;

/** What all tasks of a push share: $1 is the payload or the payloads, and then come the values of SHARED. */
const shared = (column: PushedColumn) => `$${SHARED.indexOf(column) + 2}::${column.type}`;
const SAME = SHARED.filter((column) => column !== DELAY);

/**
 * Tasks that differ in nothing but their payloads, and have no keys: most batches, and cheaper to send and to read.
 * $1 payloads, one JSON array.
 */
const SAME_SOURCE = `
  SELECT ${SAME.map(shared).join(', ')}, u.payload, (SELECT ${runAfter(shared(DELAY))})
  FROM json_array_elements($1::json) AS u(payload)`;

/**
 * Part of a statement that commits by itself, which the trigger can't find out: the trigger may leave out the wake-up when there was
 * one just before. In a longer transaction that would lose the wake-up, which must come with the commit.
 */
const AUTOCOMMIT = `set_config('pgqueue.alone', 'on', true)`;

const namesOf = (columns: readonly PushedColumn[]) => columns.map(({ column }) => column).join(', ');

const CONFLICT = 'ON CONFLICT (kind, external_key) WHERE external_key IS NOT NULL';

/** What is answered has names of one word: they are the same for a library that turns names into camel case. */
export function pushSql({ task, bell, channel }: SchemaNames) {
  const insertWith = (isAutocommit: boolean) => {
    const suffix = isAutocommit ? `, ${AUTOCOMMIT}` : '';
    const one = SAME.map((column) =>
      isAutocommit && column === ATTEMPTS
        ? `CASE WHEN ${AUTOCOMMIT} IS NOT NULL THEN ${shared(column)} END`
        : shared(column),
    );
    const insert = `INSERT INTO ${task} AS t (${namesOf(STORED)}, payload, run_at) ${SOURCE}${suffix}`;
    return {
      /** One task without a key, the cheapest to plan. $1 payload, else as `pushSame`. */
      pushOne: `
INSERT INTO ${task} (${namesOf(SAME)}, payload, run_at)
VALUES (${one.join(', ')}, $1::json,
        ${runAfter(shared(DELAY))}) RETURNING id::text AS id`,
      /** Answers the first id, and all of them only where another's push came between. */
      pushSame: `
WITH pushed AS (
  INSERT INTO ${task} (${namesOf(SAME)}, payload, run_at) ${SAME_SOURCE}${suffix} RETURNING id
) SELECT min(id)::text AS first, CASE WHEN max(id) - min(id) + 1 <> count(*) THEN (SELECT json_agg(id)::text FROM pushed) END AS ids
FROM pushed`,
      /** No task has a key, so that none can be a duplicate. */
      push: `${insert} RETURNING t.id::text AS id`,
      /** Stores nothing for a duplicate: rows come back for the tasks that were stored. */
      pushKeyed: `${insert} ${CONFLICT} DO NOTHING RETURNING t.id::text AS id, t.kind, t.external_key AS key`,
      /** Re-arms a duplicate that no attempt runs. */
      pushReplacing: `${insert} ${CONFLICT} DO UPDATE
        SET payload = excluded.payload, ${CARRIED.map(({ column }) => `${column} = excluded.${column}`).join(', ')}, run_at = excluded.run_at, priority = excluded.priority,
            attempts_left = excluded.attempts_left, attempts_elapsed = 0, status = 'new', messages = NULL, finished_at = NULL
        WHERE t.lease_id IS NULL
        RETURNING t.id::text AS id, t.kind, t.external_key AS key`,
    };
  };
  return {
    ...insertWith(false),
    /** The same for a push that commits by itself. */
    autocommit: insertWith(true),
    /**
     * Wakes the workers, unless a statement like this one did so just now. The wake-up of a push is received with its commit, however
     * late; this one waits for no disk and no standby.
     */
    wakeUp: `
WITH bell AS MATERIALIZED (
  SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS at, last_value / 2 AS last, last_value % 2 = 1 AS heard FROM ${bell}
)
SELECT set_config('synchronous_commit', 'off', true), setval('${bell.replaceAll("'", "''")}', at * 2 + 1), pg_notify('${channel}', '')::text
FROM bell WHERE NOT heard OR at - last >= ${WAKE_UP_GAP_MS} OR last > at`,
    /** $1 kinds · $2 keys: the stored tasks that this transaction sees, each by the index, whatever the planner knows of the table. */
    findByKeys: `
      SELECT t.id::text AS id, t.kind, t.external_key AS key
      FROM ROWS FROM (unnest($1::smallint[]), unnest($2::text[])) AS u(kind, key),
      LATERAL (SELECT q.id, q.kind, q.external_key FROM ${task} q WHERE q.kind = u.kind AND q.external_key = u.key LIMIT 1) t`,
  };
}
