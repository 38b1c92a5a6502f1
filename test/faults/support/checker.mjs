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

/** Of a task: which of the payloads that it was given it has now. */
const LIFE = "t.payload ->> 'life'";
/** Attempts that were given back, each time once more. */
const GIVEN_BACK = `SELECT count(*) FROM effects e
  WHERE e.task_id = s.task_id AND e.attempt = s.attempt AND e.life IS NOT DISTINCT FROM s.life AND e.outcome = 'given-back'`;

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
  'what was pushed once is stored once': {
    sql: `SELECT ${LIFE} || ' is stored ' || count(*) || ' times' FROM pgqueue t
          WHERE ${LIFE} IS NOT NULL GROUP BY ${LIFE} HAVING count(*) > 1`,
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
            (SELECT FROM effects e WHERE e.task_id = t.id AND e.attempt = t.attempts_elapsed AND e.life IS NOT DISTINCT FROM ${LIFE}
             AND e.outcome IN ('ok', 'completed') AND e.at <= t.finished_at)`,
  },
  'an effect that commits with its outcome is there once, of a task that succeeded': {
    sql: `SELECT e.task_id || ' has ' || count(*) || ' and is ' || coalesce(min(t.status::text), 'deleted or replaced')
          FROM effects e LEFT JOIN pgqueue t ON t.id = e.task_id AND e.life IS NOT DISTINCT FROM ${LIFE}
          WHERE e.outcome = 'completed' GROUP BY e.task_id, e.life
          HAVING count(*) > 1 OR min(t.status::text) <> 'succeeded' OR min(t.attempts_elapsed) <> min(e.attempt)`,
  },
  'no task starts more often than its attempts allow': {
    sql: `SELECT s.task_id || ' started ' || count(*) || ' times, of ' || min(p.max_attempts)
          FROM starts s JOIN pushed p ON p.task_id = s.task_id
          GROUP BY s.task_id, s.life
          HAVING count(DISTINCT s.attempt) > min(p.max_attempts) OR max(s.attempt) > min(p.max_attempts)`,
  },
  'one attempt starts once, unless it was given back, or the task got new attempts': {
    sql: `SELECT s.task_id || ' started attempt ' || s.attempt || ' ' || count(*) || ' times'
          FROM starts s GROUP BY s.task_id, s.attempt, s.life
          HAVING count(*) > 1 AND count(*) > 1 + (${GIVEN_BACK}) + (SELECT count(*) FROM retries r WHERE r.task_id = s.task_id)`,
  },
  'every start is counted as an attempt, unless it was given back, or the task got new attempts': {
    sql: `SELECT t.id || ' counts ' || t.attempts_elapsed || ', started attempt ' || max(s.attempt)
          FROM pgqueue t JOIN starts s ON s.task_id = t.id AND s.life IS NOT DISTINCT FROM ${LIFE}
          WHERE s.attempt > t.attempts_elapsed AND (${GIVEN_BACK}) = 0 AND NOT EXISTS (SELECT FROM retries r WHERE r.task_id = t.id)
          GROUP BY t.id`,
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
            (EXISTS (SELECT FROM cancels c WHERE c.task_id = t.id AND c.life IS NOT DISTINCT FROM ${LIFE})
             OR EXISTS (SELECT FROM effects e WHERE e.task_id = t.id AND e.outcome = 'cancelled'
                        AND e.attempt = t.attempts_elapsed AND e.life IS NOT DISTINCT FROM ${LIFE}))`,
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

/** What was pushed without a transaction was written down before; its ids are known only now. */
const ADOPT_SINGLES = `
INSERT INTO pushed SELECT t.id, s.kind, s.max_attempts, s.does FROM singles s JOIN pgqueue t ON ${LIFE} = s.life
ON CONFLICT (task_id) DO NOTHING`;

const COUNTS = `
SELECT (SELECT count(*) FROM pushed)::int AS tasks,
       (SELECT count(*) FROM starts)::int AS starts,
       (SELECT count(*) FROM effects)::int AS effects,
       count(*) FILTER (WHERE status = 'succeeded')::int AS succeeded,
       count(*) FILTER (WHERE status = 'cancelled')::int AS cancelled,
       count(*) FILTER (WHERE status = 'no_attempts_left')::int AS "noAttemptsLeft"
FROM pgqueue`;

const EXAMPLES = 10;

/**
 * Takes in what was judged elsewhere.
 * @param {Verdict} verdict
 * @param {Record<string, string[]>} rules what breaks each
 */
export function addRules(verdict, rules) {
  for (const [rule, found] of Object.entries(rules)) {
    verdict.violations[rule] = found.length;
    if (found.length > 0) verdict.broken[rule] = found.slice(0, EXAMPLES);
  }
}

/**
 * @param {string} url
 * @param {Expectations} expectations
 * @returns {Promise<Verdict>}
 */
export async function check(url, { acknowledged, alive }) {
  const given = { acknowledged: [...acknowledged], alive: [...alive] };
  return withClient(url, async (client) => {
    await client.query(ADOPT_SINGLES);
    /** @type {Verdict} */
    const verdict = { broken: {}, violations: {}, counts: {} };
    for (const [rule, { sql, uses = [] }] of Object.entries(RULES)) {
      const { rows } = await client.query({
        text: sql,
        values: uses.map((name) => given[name]),
        rowMode: 'array',
      });
      addRules(verdict, { [rule]: rows.map(([text]) => String(text)) });
    }
    const { rows } = await client.query(COUNTS);
    return { ...verdict, counts: rows[0] };
  });
}
