/** One process of a contender, a worker or a producer: runs what the harness asks for over the IPC channel. */
/** @import { Contender, Producer, ProducerSettings, Store, Usage, Worker, WorkerCall } from '../types.js' */
import { now } from './clock.mjs';
import { memoryOf } from './cpu.mjs';
import { Profile } from './profile.mjs';
import { fill, flood, pace, pushFor, trickle, trickleInPairs } from './pushing.mjs';
import { Tally } from './tally.mjs';

/** @type {{ default: Contender }} */
const { default: contender } = await import(`../contenders/${process.argv[2]}.mjs`);

/** @type {Tally | undefined} */
let tally;
/** @type {Worker | undefined} */
let worker;
/** @type {Producer | undefined} */
let producer;
/** How many tasks the workers have handled, as the harness told last. */
const credit = { handled: 0 };
const cpuAtStart = { ms: 0 };
const profile = process.env['BENCH_PROFILE'] ? new Profile(process.env['BENCH_PROFILE']) : undefined;

const theWorker = () => worker ?? fail('this process has no worker');
const theProducer = () => producer ?? fail('this process has no producer');
const theTally = () => tally ?? fail('this process has no worker');

/** @returns {never} @param {string} problem */
function fail(problem) {
  throw new Error(problem);
}

/** @returns {number} */
function cpuMs() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** @param {WorkerCall} call */
async function openWorker({ store, mode, holdMs = 0, progressMs = 0, ...settings }) {
  tally = new Tally(mode, holdMs);
  if (progressMs > 0) report(tally, progressMs);
  worker = await contender.openWorker(store, { ...settings, handle: tally.handle });
}

/**
 * Tells the harness how far this process is, while that changes.
 * @param {Tally} of
 * @param {number} everyMs
 */
function report(of, everyMs) {
  let last = 0;
  setInterval(() => {
    if (of.distinct !== last) {
      last = of.distinct;
      process.send?.({ progress: last });
    }
  }, everyMs).unref();
}

/** @param {Store} store @param {ProducerSettings} settings */
async function openProducer(store, settings) {
  producer = await contender.openProducer(store, settings);
}

const calls = {
  install: (/** @type {Store} */ store) => contender.install(store),

  openWorker,
  startWorker: () => theWorker().start(),
  stopWorker: () => theWorker().stop(),
  seen: () => theTally().seen,
  latencies: () => Float64Array.from(theTally().latencies),
  starts: () => theTally().starts,
  forgetLatencies: () => void theTally().latencies.splice(0),

  openProducer,
  closeProducer: () => theProducer().close(),
  countLeft: () => theProducer().countLeft(),
  fill: (/** @type {Parameters<typeof fill>[1]} */ settings) => fill(theProducer(), settings),
  pushFor: (/** @type {Parameters<typeof pushFor>[1]} */ settings) => pushFor(theProducer(), settings),
  pace: (/** @type {Parameters<typeof pace>[1]} */ settings) => pace(theProducer(), settings),
  trickle: (/** @type {Parameters<typeof trickle>[1]} */ settings) => trickle(theProducer(), settings),
  trickleInPairs: (/** @type {Parameters<typeof trickleInPairs>[1]} */ settings) =>
    trickleInPairs(theProducer(), settings),
  flood: (/** @type {Parameters<typeof flood>[2]} */ settings) => flood(theProducer(), credit, settings),

  async startUsage() {
    await profile?.start();
    cpuAtStart.ms = cpuMs();
  },
  /** @returns {Promise<Usage>} since `startUsage` */
  async usage() {
    const usage = { cpuMs: cpuMs() - cpuAtStart.ms, ...memoryOf(process.pid) };
    await profile?.write();
    return usage;
  },
  now,
};

/** @typedef {typeof calls} Calls */

process.on(
  'message',
  (/** @type {{ id: number, call: keyof Calls, args: any[] } | { credit: number }} */ message) => {
    if ('credit' in message) {
      credit.handled = message.credit;
      return;
    }
    const { id, call, args } = message;
    // What a contender throws at once is its rejection too.
    new Promise((resolve) => resolve(/** @type {Function} */ (calls[call])(...args))).then(
      (result) => process.send?.({ id, result }),
      (error) => process.send?.({ id, error: String(error?.stack ?? error) }),
    );
  },
);
// The harness is gone, however it went.
process.once('disconnect', () => process.exit());
// Ctrl-C reaches every process of the terminal; the harness decides.
process.on('SIGINT', () => {});
process.send?.({ ready: true });
