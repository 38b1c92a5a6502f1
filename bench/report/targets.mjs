/** What the library is meant to reach, as ratios within one run. */
/** @import { Results } from '../types.js' */

/**
 * @typedef {object} Target
 * @property {string} name
 * @property {string} value
 * @property {string} target
 * @property {boolean} met
 */

const POSTGRES_PEERS = ['graphile-worker', 'pg-boss', 'bullmq-postgres'];
const PEERS = [...POSTGRES_PEERS, 'bullmq-redis'];

/**
 * Of the measures that the results have.
 * @param {Results} results
 * @returns {Target[]}
 */
export function targetsOf(results) {
  /** @param {string} measure @param {string} label @param {string} key */
  const figure = (measure, label, key) => results.measures[measure]?.entries[label]?.summary[key]?.median;
  /** The best peer, in any configuration. @param {string} measure @param {string} key @param {string[]} contenders @param {'min' | 'max'} best @param {number | string} [variant] */
  const bestOf = (measure, key, contenders, best, variant) => {
    const values = Object.values(results.measures[measure]?.entries ?? {})
      .filter(({ entry }) => contenders.includes(entry.contender) && entry.variant === variant)
      .map(({ summary }) => summary[key]?.median)
      .filter((value) => value !== undefined);
    return values.length > 0 ? Math[best](...values) : undefined;
  };
  const backlogs = Object.values(results.measures['backlog']?.entries ?? {})
    .filter(({ entry }) => entry.contender === 'pgqueue')
    .map(({ entry }) => Number(entry.variant))
    .toSorted((a, b) => a - b);
  const [small = 0, large = 0] = backlogs;
  const p50 = figure('wake-up', 'pgqueue', 'p50');

  return [
    atLeast(
      'drain, of raw',
      0.8,
      ratio(figure('drain', 'pgqueue', 'perSecond'), figure('drain', 'raw', 'perSecond')),
    ),
    ...[
      { peer: 'graphile-worker', factor: 1.7 },
      { peer: 'pg-boss', factor: 2 },
      { peer: 'bullmq-redis', factor: 4 },
    ].map(({ peer, factor }) =>
      atLeast(
        `drain, × ${peer}`,
        factor,
        ratio(figure('drain', 'pgqueue', 'perSecond'), bestOf('drain', 'perSecond', [peer], 'max')),
      ),
    ),
    atLeast(
      'push in batches, × the best peer',
      2,
      ratio(figure('push', 'pgqueue', 'batch'), bestOf('push', 'batch', PEERS, 'max')),
    ),
    atLeast(
      'push in batches, of raw',
      0.7,
      ratio(figure('push', 'pgqueue', 'batch'), figure('push', 'raw', 'batch')),
    ),
    atLeast(
      'push by 32 with workers woken, × the best PostgreSQL peer',
      5,
      ratio(
        figure('push-woken', 'pgqueue', 'perSecond'),
        bestOf('push-woken', 'perSecond', POSTGRES_PEERS, 'max'),
      ),
    ),
    atLeast(
      'push by 32 with workers woken, of raw without NOTIFY',
      0.7,
      ratio(figure('push-woken', 'pgqueue', 'perSecond'), figure('push-woken', 'raw', 'perSecond')),
    ),
    atLeast(
      'drain with default options, × the best peer',
      2,
      ratio(
        figure('defaults', 'pgqueue default', 'perSecond'),
        bestOf('defaults', 'perSecond', PEERS, 'max'),
      ),
    ),
    atMost(
      'wake-up, median in ms',
      bestOf('wake-up', 'p50', POSTGRES_PEERS, 'min'),
      p50,
      'the best PostgreSQL peer',
    ),
    atMost(
      'wake-up, 99th percentile in ms',
      p50 === undefined ? undefined : 2 * p50 + 3,
      figure('wake-up', 'pgqueue', 'p99'),
      '2 medians + 3 ms',
    ),
    ...[0, 25, 60].map((ms) =>
      atMost(
        `wake-up beside commits that take ${ms} ms longer, 99th percentile in ms`,
        20,
        figure('wake-up-slow-commits', `pgqueue, ${ms}`, 'p99'),
      ),
    ),
    atLeast(
      'sustained 2,000/s, achieved of asked',
      0.99,
      ratio(figure('sustained', 'pgqueue, 2000', 'achieved'), 2000),
    ),
    atMost('sustained 2,000/s, median in ms', 5, figure('sustained', 'pgqueue, 2000', 'p50')),
    atMost(
      'sustained 2,000/s, server CPU of graphile-worker',
      0.25,
      ratio(
        figure('sustained', 'pgqueue, 2000', 'serverCpu'),
        figure('sustained', 'graphile-worker, 2000', 'serverCpu'),
      ),
    ),
    atLeast(
      'forgotten reader, last 10 s of free',
      0.9,
      ratio(figure('pinned', 'pgqueue, reader', 'last'), figure('pinned', 'pgqueue, free', 'last')),
    ),
    atLeast(
      'forgotten writer, last 10 s of free',
      0.6,
      ratio(figure('pinned', 'pgqueue, writer', 'last'), figure('pinned', 'pgqueue, free', 'last')),
    ),
    atLeast(
      `backlog of ${large.toLocaleString('en')}, of ${small.toLocaleString('en')}`,
      0.9,
      ratio(
        figure('backlog', `pgqueue, ${large}`, 'perSecond'),
        figure('backlog', `pgqueue, ${small}`, 'perSecond'),
      ),
    ),
    atMost(
      'drain, peak memory of graphile-worker',
      1,
      ratio(figure('drain', 'pgqueue', 'peakRss'), figure('drain', 'graphile-worker', 'peakRss')),
    ),
    ...[1, 500].map((kinds) =>
      // A fetcher period of 1.5 s: at most 40 a minute.
      atMost(`idle, claims a minute at ${kinds} kinds`, 40, figure('idle', `pgqueue, ${kinds}`, 'claims')),
    ),
  ].filter((target) => target !== undefined);
}

/** @param {number | undefined} part @param {number | undefined} whole */
function ratio(part, whole) {
  return part === undefined || whole === undefined ? undefined : part / whole;
}

/** @param {string} name @param {number} least @param {number | undefined} value @returns {Target | undefined} */
function atLeast(name, least, value) {
  return value === undefined
    ? undefined
    : { name, value: value.toFixed(2), target: `at least ${least}`, met: value >= least };
}

/** @param {string} name @param {number | undefined} most @param {number | undefined} value @param {string} [why] @returns {Target | undefined} */
function atMost(name, most, value, why) {
  if (value === undefined || most === undefined) return undefined;
  const target = `at most ${Number(most.toFixed(2))}${why ? `, ${why}` : ''}`;
  return { name, value: value.toFixed(2), target, met: value <= most };
}
