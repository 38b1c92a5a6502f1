/** @import { Entry, EntryResult, Measure, MeasureResult, Options, Run } from '../types.js' */
/** @import { Server } from './servers.mjs' */
import { contenderOf } from '../contenders/index.mjs';
import { labelOf } from './entries.mjs';
import { Lab } from './lab.mjs';
import { summarizeFigures } from './statistics.mjs';

const REPETITIONS = 3;

/**
 * @typedef {object} Servers
 * @property {Server & { logFile: string }} postgres
 * @property {Server | undefined} redis
 * @property {(count: number) => Promise<Server[]>} more other servers of PostgreSQL, as many as these; started when first asked for
 */

/**
 * The entries of a measure that are to be run.
 * @param {Measure} measure
 * @param {Options} options
 * @param {readonly string[]} contenders
 */
export function entriesToRun(measure, options, contenders) {
  const all = typeof measure.entries === 'function' ? measure.entries(options) : measure.entries;
  return all.filter(({ contender, slow }) => contenders.includes(contender) && !(options.quick && slow));
}

/**
 * Runs a measure: every entry once, then every entry again, so that what changes on the machine meanwhile meets all.
 * @param {Measure} measure
 * @param {readonly Entry[]} entries
 * @param {Servers} servers
 * @param {Options & { profileFolder?: string }} options
 * @returns {Promise<MeasureResult>}
 */
export async function runMeasure(measure, entries, servers, options) {
  const startedAt = performance.now();
  const parameters = measure.parameters(options);
  const repetitionsOf = (/** @type {Entry} */ entry) =>
    options.repetitions ?? (options.quick ? 1 : (entry.repetitions ?? measure.repetitions ?? REPETITIONS));
  /** @type {Record<string, EntryResult>} */
  const results = Object.fromEntries(
    entries.map((entry) => [labelOf(entry), { entry, runs: [], failures: [], summary: {} }]),
  );

  const runOne = async (/** @type {Entry} */ entry) => {
    const label = labelOf(entry);
    const result = /** @type {EntryResult} */ (results[label]);
    const lab = new Lab(servers, entry, options);
    try {
      const run = await measure.run(lab, entry, parameters);
      result.runs.push(run);
      say(`  ${label.padEnd(32)} ${describe(measure, run)}`);
    } catch (error) {
      result.failures.push(/** @type {string} */ (/** @type {Error} */ (error).message.split('\n')[0]));
      say(`  ${label.padEnd(32)} FAILED: ${/** @type {Error} */ (error).message}`);
    } finally {
      await lab.close();
    }
  };

  const rounds = Array.from({ length: Math.max(...entries.map(repetitionsOf)) }, (_, round) =>
    rotate(
      entries.filter((entry) => repetitionsOf(entry) > round),
      round,
    ),
  );
  if (measure.together) await Promise.all(rounds.flat().map(runOne));
  else for (const round of rounds) for (const entry of round) await runOne(entry);

  for (const result of Object.values(results))
    result.summary = summarizeFigures(result.runs.map(({ figures }) => figures));
  return {
    title: measure.title,
    at: new Date().toISOString(),
    seconds: Math.round((performance.now() - startedAt) / 1000),
    parameters,
    entries: results,
    ...(measure.quoted ? { quoted: measure.quoted } : {}),
  };
}

/** @param {readonly string[]} names of contenders @param {boolean} hasRedis */
export function runnable(names, hasRedis) {
  return names.filter((name) => hasRedis || contenderOf(/** @type {any} */ (name)).server !== 'redis');
}

/** @param {string} line */
export function say(line) {
  process.stdout.write(`${line}\n`);
}

/** No contender is always the first, or always behind the same other. @template T @param {readonly T[]} values @param {number} by */
function rotate(values, by) {
  const at = by % values.length;
  return [...values.slice(at), ...values.slice(0, at)];
}

/** @param {Measure} measure @param {Run} run */
function describe({ columns }, { figures, notes = [] }) {
  const parts = columns.map(({ key, title, digits = 0 }) => {
    const value = figures[key];
    return typeof value === 'number' ? `${title}: ${value.toFixed(digits)}` : undefined;
  });
  return [...parts.filter(Boolean), ...notes].join(' · ');
}
