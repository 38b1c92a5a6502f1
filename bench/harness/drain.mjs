/** @import { Figures, HandlerMode } from '../types.js' */
/** @import { Lab } from './lab.mjs' */
import { now } from './clock.mjs';

/** So many tasks in a call, and so many calls at once: how every contender is filled. */
const FILL = { from: 0, batch: 1000, inFlight: 2 };
/** How often workers tell how far they are. */
const PROGRESS_MS = 5;

/**
 * @typedef {object} DrainSettings
 * @property {number} tasks
 * @property {number} [processes]
 * @property {number} [servers] over which the tasks are spread
 * @property {number} [limitMs] the run is over then, drained or not
 * @property {HandlerMode} [mode]
 * @property {number} [holdMs]
 * @property {number} [slots]
 * @property {number} [firstTasks] tell also how quick so many were handled
 */

/**
 * Fills the store, then lets workers run until it is empty.
 * @param {Lab} lab
 * @param {DrainSettings} settings
 * @returns {Promise<Figures>}
 */
export async function drain(lab, settings) {
  const {
    tasks,
    processes = 1,
    servers = 1,
    limitMs = 300_000,
    mode = 'count',
    firstTasks = tasks,
  } = settings;
  const producer = await lab.open({ retries: mode === 'fail-once', servers });
  await producer.call('fill', { ...FILL, count: tasks });
  await lab.settle();
  const { holdMs = 0, slots } = settings;
  await lab.openWorkers(processes, { mode, holdMs, progressMs: PROGRESS_MS, ...(slots ? { slots } : {}) });

  const usage = await lab.startUsage();
  const startedAt = now();
  const elapsed = () => (now() - startedAt) / 1000;
  const first = lab.whenHandled(firstTasks, limitMs).then((done) => (done ? elapsed() : null));
  const [complete] = await Promise.all([lab.whenHandled(tasks, limitMs), lab.startWorkers()]);
  if (complete) await lab.whenEmpty();
  const seconds = elapsed();
  const { handled } = lab;
  const { workerCpu, serverCpu, peakRss } = await usage.per1000(handled);
  await lab.stopWorkers();
  await lab.verify({ pushed: tasks, complete });
  const firstSeconds = await first;
  return {
    perSecond: handled / seconds,
    firstPerSecond: firstSeconds === null ? null : firstTasks / firstSeconds,
    seconds,
    workerCpu,
    serverCpu,
    peakRss,
  };
}
