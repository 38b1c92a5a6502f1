import type { SchemaNames } from '../schema-names.js';
import { FIRST_MOMENT, fromMicros, fromMillis, LAST_MOMENT, micros, OPEN } from './clock.sql.js';
import { FINISHED, kindsIn, SHOWN_STATUS, taskSummary } from './shown.sql.js';

/** A text is looked for in so many bytes of payloads, as they are stored, for one page; in one payload whatever its size. */
const SEARCHED_BYTES = 16 * 1024 * 1024;

const LAST_ID = '9223372036854775807';

/**
 * $11 the place of $10 in the order, in µs since the epoch. Of a time beyond the first or the last the row itself is asked, as long as
 * there is one: else what is as far away would be listed again and again.
 */
const cursorFrom = (start: string, task: string, column: string) =>
  `(CASE WHEN $11::bigint IS NULL THEN '${start}'
         WHEN $11::bigint >= ${micros(LAST_MOMENT)} OR $11::bigint <= ${micros(FIRST_MOMENT)}
         THEN coalesce((SELECT own.${column} FROM ${task} own WHERE own.id = $10::bigint), ${fromMicros('$11::bigint')})
         ELSE ${fromMicros('$11::bigint')} END, coalesce($10::bigint, 0))`;

/**
 * Lists of tasks, a page per statement: the next rows of an index from the cursor on, at most so many, and of these the ones that
 * the filter means. So a page costs the same however few tasks match, and the next begins where this one stopped looking.
 *
 * $1 most rows to look at · $2 most tasks to answer · $3 kinds · $4 statuses · $5 external key · $6 and $7 text, as it is and as
 * JSON writes it · $8 and $9 created from and to, in ms since the epoch · $10 the id that the page before ended with. Null: any.
 */
export function listSql({ task, lease }: SchemaNames) {
  const matches = `($3::smallint[] IS NULL OR t.kind = ANY ($3::smallint[])) AND ${SHOWN_STATUS} = ANY ($4::text[])
    AND ($5::text IS NULL OR t.external_key = $5::text)
    AND ($6::text IS NULL OR strpos(lower(t.payload::text), lower($6::text)) > 0 OR strpos(lower(t.payload::text), lower($7::text)) > 0)
    AND ($8::bigint IS NULL OR t.created_at >= ${fromMillis('$8::bigint')})
    AND ($9::bigint IS NULL OR t.created_at < ${fromMillis('$9::bigint')})`;

  const page = (ctes: string, candidates: string, order: string) => `
WITH ${ctes}candidates AS MATERIALIZED (
${candidates}
  ORDER BY ${order} LIMIT $1::int
), looked_at AS MATERIALIZED (
  SELECT * FROM (
    SELECT t.*, sum(CASE WHEN $6::text IS NOT NULL THEN pg_column_size(t.payload) END)
      OVER (ORDER BY ${order} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS bytes_before
    FROM candidates t
  ) t WHERE bytes_before IS NULL OR bytes_before < ${SEARCHED_BYTES}
), page AS (
  SELECT ${taskSummary(lease)} AS task, t.place, t.id FROM looked_at t WHERE ${matches} ORDER BY ${order} LIMIT $2::int
)
SELECT json_build_object(
  'tasks', (SELECT coalesce(json_agg(json_build_array(task, ${micros('place')}) ORDER BY ${order}), '[]') FROM page),
  'examined', (SELECT count(*) FROM looked_at), 'found', (SELECT count(*) FROM candidates),
  'last', (SELECT json_build_array(id::text, at) FROM (
    SELECT t.id, ${micros('t.place')} AS at, row_number() OVER (ORDER BY ${order}) AS n FROM looked_at t) numbered
    ORDER BY n DESC LIMIT 1))::text AS answer`;

  const before = '($10::bigint IS NULL OR q.id < $10::bigint)';

  /** The rows that a condition names, the newest first. */
  const newest = (ctes: string, condition: string) =>
    page(ctes, `  SELECT q.*, q.created_at AS place FROM ${task} q${condition}`, 'id DESC');

  /** The rows of one class, merged over its kinds, each by its index. */
  const ofClass = (
    condition: string,
    column: string,
    { ascending = false, level = '', levels = '' } = {},
  ) => {
    const direction = ascending ? '' : ' DESC';
    return page(
      `RECURSIVE ${kindsIn('kinds', task, `q.${condition}`)}, `,
      `  SELECT t.* FROM (
    SELECT unnest($3::smallint[]) AS kind
    UNION ALL SELECT kind FROM kinds WHERE $3::smallint[] IS NULL AND kind IS NOT NULL
  ) k${levels}, LATERAL (
    SELECT q.*, q.${column} AS place FROM ${task} q
    WHERE q.kind = k.kind${level} AND q.${condition}
      AND (q.${column}, q.id) ${ascending ? '>' : '<'} ${cursorFrom(ascending ? '-infinity' : 'infinity', task, column)}
    ORDER BY q.${column}${direction}, q.id${direction} LIMIT $1::int
  ) t`,
      `place${direction}, id${direction}`,
    );
  };

  return {
    list: {
      /** In the order in which they are due. */
      open: ofClass(`status IN ${OPEN}`, 'run_at', {
        ascending: true,
        levels: ', generate_series(0, 9) AS level',
        level: ' AND q.priority = level',
      }),
      /** The newest first. */
      exhausted: ofClass("status = 'no_attempts_left'", 'created_at'),
      /** The last finished first. */
      finished: ofClass(`status IN ${FINISHED}`, 'finished_at'),
      /** The newest first. */
      any: newest('', ` WHERE q.id < coalesce($10::bigint, ${LAST_ID})`),
      /** $11 ids. */
      byId: newest('', ` WHERE q.id = ANY ($11::bigint[]) AND ${before}`),
      /** One of each kind at most. */
      byKey: newest(
        `RECURSIVE ${kindsIn('kinds', task, 'q.external_key IS NOT NULL')}, `,
        `
  WHERE q.external_key = $5::text
    AND q.kind = ANY (CASE WHEN $3::smallint[] IS NULL THEN ARRAY(SELECT kind FROM kinds WHERE kind IS NOT NULL) ELSE $3::smallint[] END)
    AND ${before}`,
      ),
    },
  };
}
