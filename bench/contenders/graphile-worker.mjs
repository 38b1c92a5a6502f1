/** @import { Contender } from '../types.js' */
import { Logger, makeWorkerUtils, run } from 'graphile-worker';
import pg from 'pg';

const TASK = 'task_1';
/** As many as push at once. */
const POOL = 32;
const logger = new Logger(() => (/** @type {string} */ level, /** @type {string} */ message) => {
  if (level === 'error' && !/fails once/.test(message)) process.stderr.write(`graphile-worker: ${message}\n`);
});

/** The project's own settings for its benchmark (perfTest/graphile.config.js). */
const BATCHED = {
  concurrentJobs: 24,
  maxPoolSize: 25,
  localQueue: { size: 500, refetchDelay: { durationMs: 10 } },
  completeJobBatchDelay: 0,
  failJobBatchDelay: 0,
};

/** @type {Record<string, object>} */
const PRESETS = {
  best: BATCHED,
  'queue-2000': { ...BATCHED, localQueue: { ...BATCHED.localQueue, size: 2000 } },
  default: { concurrentJobs: 1 },
};

/** @type {Contender} */
export default {
  name: 'graphile-worker',
  server: 'postgres',
  packages: ['graphile-worker', 'pg'],
  configurations: {
    best: `of its own benchmark: 24 jobs at once, pool of 25, localQueue of 500 with refetchDelay 10 ms, batched completion and failure (delay 0); producers: pool of ${POOL}`,
    'queue-2000': 'as best, localQueue of 2,000',
    default: '1 job at once, nothing batched',
  },

  async install({ url }) {
    const utils = await makeWorkerUtils({ connectionString: url, logger });
    await utils.migrate();
    await utils.release();
  },

  async openProducer({ url }) {
    const utils = await makeWorkerUtils({ connectionString: url, maxPoolSize: POOL, logger });
    const look = new pg.Client({ connectionString: url });
    await look.connect();
    return {
      pushOne: (payload) => utils.addJob(TASK, payload),
      pushMany: (payloads) => utils.addJobs(payloads.map((payload) => ({ identifier: TASK, payload }))),
      async countLeft() {
        const { rows } = await look.query('SELECT count(*)::int AS count FROM graphile_worker._private_jobs');
        return rows[0].count;
      },
      async close() {
        await look.end();
        await utils.release();
      },
    };
  },

  async openWorker({ url }, { configuration, slots, kinds = 1, handle }) {
    const taskList = Object.fromEntries(
      Array.from({ length: kinds }, (_, index) => [
        `task_${index + 1}`,
        async (/** @type {any} */ payload) => handle(payload),
      ]),
    );
    const preset = {
      worker: {
        connectionString: url,
        logger,
        ...PRESETS[configuration],
        // A queue of one more than the slots is where its documentation says to start.
        ...(slots && { concurrentJobs: slots, localQueue: { ...BATCHED.localQueue, size: slots + 1 } }),
      },
    };
    /** @type {any} */
    let runner;
    return {
      async start() {
        runner = await run({ preset, taskList, noHandleSignals: true });
      },
      stop: () => runner.stop(),
    };
  },
};
