import type { SchemaNames } from '../schema-names.js';
import { CLOCK } from './clock.sql.js';

/**
 * $1 payloads, one JSON array · $2 kinds · $3 priorities · $4 attempts · $5 keys · $6 delays in ms.
 * Payloads travel as one bare JSON array: no double encoding, and `\u0000` passes.
 */
const SOURCE = `
  SELECT u.kind, u.priority, u.attempts, u.key, u.payload, ${CLOCK} + u.delay * interval '1 millisecond'
  FROM ROWS FROM (json_array_elements($1::json), unnest($2::smallint[]), unnest($3::smallint[]),
                  unnest($4::smallint[]), unnest($5::text[]), unnest($6::bigint[]))
    AS u(payload, kind, priority, attempts, key, delay)`;

/**
 * The same for a statement that commits by itself, which the trigger can't find out: it may leave out the ring when there was
 * one just before. In a longer transaction that would lose the wake-up, which must come with the commit.
 */
const SOURCE_ALONE = `${SOURCE}, set_config('pgqueue.alone', 'on', true)`;

const CONFLICT = 'ON CONFLICT (kind, external_key) WHERE external_key IS NOT NULL';

export function pushSql({ task }: SchemaNames) {
  const insertFrom = (source: string) => {
    const insert = `INSERT INTO ${task} AS t (kind, priority, attempts_left, external_key, payload, run_at) ${source}`;
    return {
      /** No task has a key, so that none can be a duplicate. */
      push: `${insert} RETURNING t.id::text AS id`,
      /** Stores nothing for a duplicate: rows come back for the tasks that were stored. */
      pushKeyed: `${insert} ${CONFLICT} DO NOTHING RETURNING t.id::text AS id, t.kind, t.external_key`,
      /** Re-arms a duplicate that no attempt runs. */
      pushReplacing: `${insert} ${CONFLICT} DO UPDATE
        SET payload = excluded.payload, run_at = excluded.run_at, priority = excluded.priority,
            attempts_left = excluded.attempts_left, attempts_elapsed = 0, status = 'new', messages = NULL, finished_at = NULL
        WHERE t.lease_id IS NULL
        RETURNING t.id::text AS id, t.kind, t.external_key`,
    };
  };
  return {
    ...insertFrom(SOURCE),
    alone: insertFrom(SOURCE_ALONE),
    /** $1 kinds · $2 keys: the stored tasks that this transaction sees. */
    findByKeys: `
      SELECT t.id::text AS id, t.kind, t.external_key
      FROM ROWS FROM (unnest($1::smallint[]), unnest($2::text[])) AS u(kind, key)
      JOIN ${task} t ON t.kind = u.kind AND t.external_key = u.key`,
  };
}
