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

/**
 * @param {object} run
 * @param {number} run.seed
 * @param {number} run.minutes
 * @param {import('./checker.mjs').Verdict} run.verdict
 * @param {Record<string, number>} run.counts
 * @param {number} run.kills
 * @param {string[]} run.failures
 * @param {number} run.failedStarts
 * @param {{ all: number[], undisturbed: number[] }} run.recoveries
 * @param {number} run.drainedMs
 * @param {number} run.acknowledged
 * @param {number} run.cancelled
 * @param {number} run.failedPushes
 */
export function printSummary(run) {
  const { counts } = run.verdict;
  const lines = [
    `seed ${run.seed}, ${run.minutes} minutes`,
    `tasks: ${counts['tasks']} (${run.acknowledged} acknowledged to producers, ${run.failedPushes} of their transactions failed); ` +
      `${counts['starts']} starts, ${counts['effects']} effects`,
    `ended: ${counts['succeeded']} succeeded and kept, ${counts['cancelled']} cancelled, ${counts['noAttemptsLeft']} without attempts left, the others succeeded and deleted`,
    `kills: ${run.kills} (kill -9, by the schedule and by tasks that kill their process); starts that failed for want of the database: ${run.failedStarts}`,
    `other faults: ${Object.entries(run.counts)
      .filter(([name]) => name !== 'kill -9')
      .map(([name, count]) => `${name} ${count}`)
      .join(', ')}`,
    `leases lost: ${totals.get('lease-lost') ?? 0}; late outcomes discarded: ${totals.get('attempt-settled: lost') ?? 0}; found by the sweep: ${totals.get('swept') ?? 0} times`,
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
