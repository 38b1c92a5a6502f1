/** @import { Column } from '../types.js' */

/** @type {Column} */
export const PER_SECOND = { key: 'perSecond', title: 'tasks/s' };
/** @type {Column} */
export const WORKER_CPU = { key: 'workerCpu', title: 'worker CPU, ms per 1,000', digits: 1 };
/** @type {Column} */
export const SERVER_CPU = { key: 'serverCpu', title: 'server CPU, ms per 1,000', digits: 1 };
/** @type {Column} */
export const PRODUCER_CPU = { key: 'producerCpu', title: 'producer CPU, ms per 1,000', digits: 1 };
/** @type {Column} */
export const PEAK_RSS = { key: 'peakRss', title: 'peak memory of a worker, MB' };

/** @type {Column[]} */
export const DRAIN_COLUMNS = [PER_SECOND, WORKER_CPU, SERVER_CPU, PEAK_RSS];

/** @type {Column[]} milliseconds from the call of the push to the start of the handler */
export const LATENCY_COLUMNS = [
  { key: 'p50', title: 'median, ms', digits: 1 },
  { key: 'p95', title: '95th percentile, ms', digits: 1 },
  { key: 'p99', title: '99th percentile, ms', digits: 1 },
  { key: 'max', title: 'longest, ms', digits: 1 },
];
