/**
 * The one judge of every fault test and of the random runs. It looks at what producers and handlers wrote into the side
 * tables and at the queue's own rows, never at logs or events.
 */
import { withClient } from './side-tables.mjs';

/**
 * @typedef {object} Expectations
 * @property {Iterable<string>} acknowledged ids of the pushes that producers were told had been committed
 * @property {Iterable<number>} alive process ids of workers that still run; all others' leases must be gone
 *
 * @typedef {object} Verdict
 * @property {Record<string, string[]>} broken for each rule that is broken, some of what breaks it
 * @property {Record<string, number>} violations how much breaks each rule
 * @property {Record<string, number>} counts
 */

/** Tasks whose handler touches no table can be judged by their rows only. */
const SILENT = "('quiet')";

/**
 * Each rule selects what breaks it, as a text. $1 ids of acknowledged pushes · $2 pids of living workers.
 * @type {Record<string, { sql: string, uses?: ('acknowledged' | 'alive')[] }>}
 */
const RULES = {
  'an acknowledged push is there': {
    uses: ['acknowledged'],
    sql: 'SELECT id::text FROM unnest($1::bigint[]) AS a(id) WHERE NOT EXISTS (SELECT FROM pushed WHERE task_id = id)',
  },
  'a pushed task is there, or was deleted as its kind says when it had ended': {
    sql: `SELECT p.task_id || ' of kind ' || p.kind || ', ' || p.does || ', started ' ||
            (SELECT count(*) FROM starts s WHERE s.task_id = p.task_id) || ' times'
          FROM pushed p LEFT JOIN pgqueue t ON t.id = p.task_id
          WHERE t.id IS NULL AND NOT (p.kind = 3 AND
            (EXISTS (SELECT FROM effects e WHERE e.task_id = p.task_id AND e.outcome IN ('ok', 'completed', 'cancelled'))
             OR EXISTS (SELECT FROM cancels c WHERE c.task_id = p.task_id)))`,
  },
  'every task is of a known push': {
    sql: 'SELECT t.id::text FROM pgqueue t WHERE NOT EXISTS (SELECT FROM pushed p WHERE p.task_id = t.id)',
  },
  'every task has ended': {
    sql: `SELECT t.id || ' is ' || t.status || coalesce(' under lease ' || t.lease_id, '') || ', due ' || t.run_at
          FROM pgqueue t WHERE t.status IN ('new', 'must_retry')`,
  },
  'an ended task has no lease': {
    sql: "SELECT id::text FROM pgqueue WHERE status NOT IN ('new', 'must_retry') AND lease_id IS NOT NULL",
  },
  'a task has succeeded by the attempt that held it, after its effect': {
    sql: `SELECT t.id || ' after ' || t.attempts_elapsed || ' attempts'
          FROM pgqueue t JOIN pushed p ON p.task_id = t.id
          WHERE t.status = 'succeeded' AND p.does NOT IN ${SILENT} AND NOT EXISTS
            (SELECT FROM effects e WHERE e.task_id = t.id AND e.attempt = t.attempts_elapsed
             AND e.outcome IN ('ok', 'completed') AND e.at <= t.finished_at)`,
  },
  'an effect that commits with its outcome is there once, of a task that succeeded': {
    sql: `SELECT e.task_id || ' has ' || count(*) || ' and is ' || coalesce(min(t.status::text), 'deleted')
          FROM effects e LEFT JOIN pgqueue t ON t.id = e.task_id
          WHERE e.outcome = 'completed' GROUP BY e.task_id
          HAVING count(*) > 1 OR min(t.status::text) <> 'succeeded' OR min(t.attempts_elapsed) <> min(e.attempt)`,
  },
  'no task starts more often than its attempts allow': {
    sql: `SELECT s.task_id || ' started ' || count(*) || ' times, of ' || min(p.max_attempts)
          FROM starts s JOIN pushed p ON p.task_id = s.task_id
          GROUP BY s.task_id
          HAVING count(DISTINCT s.attempt) > min(p.max_attempts) OR max(s.attempt) > min(p.max_attempts)`,
  },
  'one attempt starts once, unless it was given back': {
    sql: `SELECT s.task_id || ' started attempt ' || s.attempt || ' ' || count(*) || ' times'
          FROM starts s GROUP BY s.task_id, s.attempt
          HAVING count(*) > 1 + (SELECT count(*) FROM effects e
            WHERE e.task_id = s.task_id AND e.attempt = s.attempt AND e.outcome = 'given-back')`,
  },
  'every start is counted as an attempt': {
    sql: `SELECT t.id || ' counts ' || t.attempts_elapsed || ', started attempt ' || max(s.attempt)
          FROM pgqueue t JOIN starts s ON s.task_id = t.id
          GROUP BY t.id HAVING max(s.attempt) > t.attempts_elapsed`,
  },
  'attempts used and left are those of the push': {
    sql: `SELECT t.id || ': ' || t.attempts_elapsed || ' and ' || t.attempts_left
          FROM pgqueue t JOIN pushed p ON p.task_id = t.id
          WHERE t.attempts_elapsed + t.attempts_left <> p.max_attempts OR t.attempts_left < 0`,
  },
  'a task without attempts left says why': {
    sql: `SELECT id::text FROM pgqueue
          WHERE status = 'no_attempts_left' AND (attempts_left <> 0 OR coalesce(messages[1], '') = '')`,
  },
  'only what somebody cancelled is cancelled, and it stays so': {
    sql: `SELECT t.id || ' is ' || t.status FROM pgqueue t
          WHERE (t.status = 'cancelled') <>
            (EXISTS (SELECT FROM cancels c WHERE c.task_id = t.id)
             OR EXISTS (SELECT FROM effects e WHERE e.task_id = t.id AND e.outcome = 'cancelled'
                        AND e.attempt = t.attempts_elapsed))`,
  },
  'processes that are gone hold no lease': {
    uses: ['alive'],
    sql: 'SELECT worker FROM pgqueue_lease WHERE pid <> ALL ($1::int[])',
  },
  'every lease of a task exists': {
    sql: `SELECT t.id::text FROM pgqueue t
          WHERE t.lease_id IS NOT NULL AND NOT EXISTS (SELECT FROM pgqueue_lease l WHERE l.id = t.lease_id)`,
  },
};

const COUNTS = `
SELECT (SELECT count(*) FROM pushed)::int AS tasks,
       (SELECT count(*) FROM starts)::int AS starts,
       (SELECT count(*) FROM effects)::int AS effects,
       count(*) FILTER (WHERE status = 'succeeded')::int AS succeeded,
       count(*) FILTER (WHERE status = 'cancelled')::int AS cancelled,
       count(*) FILTER (WHERE status = 'no_attempts_left')::int AS "noAttemptsLeft"
FROM pgqueue`;

/**
 * @param {string} url
 * @param {Expectations} expectations
 * @returns {Promise<Verdict>}
 */
export async function check(url, { acknowledged, alive }) {
  const given = { acknowledged: [...acknowledged], alive: [...alive] };
  return withClient(url, async (client) => {
    /** @type {Verdict['broken']} */
    const broken = {};
    /** @type {Verdict['violations']} */
    const violations = {};
    for (const [rule, { sql, uses = [] }] of Object.entries(RULES)) {
      const { rows } = await client.query({
        text: sql,
        values: uses.map((name) => given[name]),
        rowMode: 'array',
      });
      violations[rule] = rows.length;
      if (rows.length > 0) broken[rule] = rows.slice(0, 10).map(([text]) => String(text));
    }
    const { rows } = await client.query(COUNTS);
    return { broken, violations, counts: rows[0] };
  });
}
