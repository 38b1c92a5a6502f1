import { ask } from './side-tables.mjs';
import { totals } from './worker.mjs';

/** A kill this long before or after the server was away says nothing about the rescue. */
const OUTAGE_MARGIN_MS = 10_000;

/** What a killed run had started and not ended, and when that started again. $1 runs · $2 times of the kills */
const RECOVERIES = `
SELECT k.run, k.at::float, max(extract(epoch FROM next.at) * 1000 - k.at)::float AS ms, count(*)::int AS tasks
FROM unnest($1::text[], $2::double precision[]) AS k(run, at)
JOIN starts s ON s.run = k.run
JOIN LATERAL (SELECT min(at) AS at FROM starts n WHERE n.task_id = s.task_id AND n.attempt > s.attempt) next ON true
WHERE NOT EXISTS (SELECT FROM effects e WHERE e.task_id = s.task_id AND e.attempt = s.attempt AND e.outcome <> 'inner')
  AND extract(epoch FROM next.at) * 1000 > k.at
GROUP BY k.run, k.at ORDER BY k.at`;

/**
 * How long after each kill the last of its tasks ran again, in ms.
 * @param {string} url
 * @param {{ run: string, at: number }[]} kills
 * @param {{ from: number, to: number }[]} outages of the server
 * @returns {Promise<{ all: number[], undisturbed: number[] }>}
 */
export async function recoveries(url, kills, outages) {
  const rows = await ask(url, RECOVERIES, [kills.map(({ run }) => run), kills.map(({ at }) => at)]);
  const undisturbed = rows.filter(
    ({ at }) => !outages.some(({ from, to }) => at > from - OUTAGE_MARGIN_MS && at < to + OUTAGE_MARGIN_MS),
  );
  return { all: rows.map(({ ms }) => ms), undisturbed: undisturbed.map(({ ms }) => ms) };
}

/** @param {number[]} values in ms @returns {string} */
export function spread(values) {
  if (values.length === 0) return 'none';
  const sorted = values.toSorted((a, b) => a - b);
  const seconds = (/** @type {number} */ share) =>
    ((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0) / 1000).toFixed(1);
  return `median ${seconds(0.5)} s, p95 ${seconds(0.95)} s, maximum ${seconds(1)} s (${sorted.length} kills)`;
}

/** @param {Record<string, number>} named @returns {string} */
function list(named) {
  return Object.entries(named)
    .filter(([name]) => name !== 'kill -9')
    .toSorted(([a], [b]) => a.localeCompare(b))
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');
}

/** How often workers told of this. @param {string} event */
const told = (event) => totals.get(event) ?? 0;

/**
 * @param {object} run
 * @param {number} run.seed
 * @param {number} run.minutes
 * @param {import('./checker.mjs').Verdict} run.verdict
 * @param {Record<string, number>} run.counts of faults
 * @param {Record<string, number>} run.interference
 * @param {number} run.kills
 * @param {string[]} run.failures
 * @param {number} run.failedStarts
 * @param {{ all: number[], undisturbed: number[] }} run.recoveries
 * @param {number} run.drainedMs
 * @param {number} run.acknowledged
 * @param {import('./traffic.mjs').Traffic} run.traffic
 * @param {number} run.bodies
 */
export function printSummary(run) {
  const { counts } = run.verdict;
  const { traffic } = run;
  const lines = [
    `seed ${run.seed}, ${run.minutes} minutes`,
    `tasks: ${counts['tasks']} (${run.acknowledged} acknowledged to producers, ${traffic.failed} of their pushes and transactions failed), ` +
      `${traffic.single} of them pushed singly; ${traffic.replaced} pushes replaced one or would have; ` +
      `${run.bodies} bodies told of themselves, ${counts['starts']} starts, ${counts['effects']} effects`,
    `ended: ${counts['succeeded']} succeeded and kept, ${counts['cancelled']} cancelled, ${counts['noAttemptsLeft']} without attempts left, the others succeeded and deleted`,
    `kills: ${run.kills} (kill -9, by the schedule and by tasks that kill their process); starts that failed for want of the database: ${run.failedStarts}`,
    `other faults: ${list(run.counts)}`,
    `applications and operators: ${list(run.interference)}`,
    `leases lost: ${told('lease-lost')}; late outcomes discarded: ${told('attempt-settled: lost')}; tasks released of lost claims: ` +
      `${told('tasks-released')} times; refusals of single tasks: ${told('task-refused')}; found by the sweep: ${told('swept')} times`,
    `from a kill to the restart of its last task: ${spread(run.recoveries.all)}`,
    `the same without kills near an outage of the server: ${spread(run.recoveries.undisturbed)}`,
    `all done ${(run.drainedMs / 1000).toFixed(1)} s after the last fault`,
    ...Object.entries(run.verdict.violations).map(([rule, count]) => `  ${count} against: ${rule}`),
    ...Object.entries(run.verdict.broken).map(
      ([rule, examples]) => `BROKEN: ${rule}: ${examples.join('; ')}`,
    ),
    ...run.failures.map((text) => `A WORKER FAILED: ${text}`),
  ];
  console.log(lines.join('\n'));
}
