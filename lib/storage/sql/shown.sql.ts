import { micros, OPEN } from './clock.sql.js';

/** How much of a payload a list shows. */
const PREVIEW_CHARACTERS = 300;

/** How much of an error message is shown: as much as the queue stores. */
export const ERROR_CHARACTERS = 4000;

/** The statuses of a finished task, spelled as their index spells them. */
export const FINISHED = "('cancelled', 'succeeded')";

/** The status of the row `t` as everybody sees it: `processing` is an open task that has a lease. */
export const SHOWN_STATUS = `CASE WHEN t.lease_id IS NOT NULL AND t.status IN ${OPEN} THEN 'processing' ELSE t.status::text END`;

/** What a list shows of the row `t`, as JSON: so that it arrives the same through every driver and its settings. */
export const taskSummary = (lease: string) => `json_build_object(
  'id', t.id::text, 'kind', t.kind, 'status', ${SHOWN_STATUS}, 'priority', t.priority, 'externalKey', t.external_key,
  'attemptsElapsed', t.attempts_elapsed, 'attemptsLeft', t.attempts_left, 'createdAt', ${micros('t.created_at')},
  'runAt', ${micros('t.run_at')}, 'finishedAt', ${micros('t.finished_at')},
  'payloadPreview', left(t.payload::text, ${PREVIEW_CHARACTERS}), 'lastError', left(t.messages[cardinality(t.messages)], ${ERROR_CHARACTERS}),
  'worker', (SELECT l.worker FROM ${lease} l WHERE l.id = t.lease_id))`;

/** A recursive table of the kinds that a partial index holds, one probe each. `condition` is the one that the index is made with. */
export const kindsIn = (name: string, task: string, condition: string) => `
${name}(kind) AS (
  (SELECT q.kind FROM ${task} q WHERE ${condition} ORDER BY q.kind LIMIT 1)
  UNION ALL
  SELECT (SELECT q.kind FROM ${task} q WHERE ${condition} AND q.kind > last.kind ORDER BY q.kind LIMIT 1)
  FROM ${name} last WHERE last.kind IS NOT NULL
)`;
