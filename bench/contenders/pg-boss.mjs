/** @import { Contender } from '../types.js' */
import pg from 'pg';
import { PgBoss } from 'pg-boss';

/** As many as push at once. */
const POOL = 32;
const nameOf = (/** @type {number} */ kind) => `queue-${kind}`;

/** @param {string} url @param {object} [settings] */
function createBoss(url, settings) {
  const boss = new PgBoss({ connectionString: url, ...settings });
  boss.on('error', (/** @type {Error} */ error) => process.stderr.write(`pg-boss: ${error.message}\n`));
  return boss;
}

const BATCHED = {
  batchSize: 1000,
  localConcurrency: 2,
  burstWhenBatchFull: true,
  pollingIntervalSeconds: 0.5,
};

/** @type {Record<string, object>} */
const WORK = {
  best: BATCHED, // A retry notifies nobody, and the poll beside NOTIFY is every 30 s unless told otherwise.
  'per-job': { ...BATCHED, perJobResults: true, notifyPollingIntervalSeconds: 0.5 },
  poll: BATCHED,
  default: {},
};

/** @param {string} configuration */
const notifies = (configuration) => configuration === 'best' || configuration === 'per-job';

/** @type {Contender} */
export default {
  name: 'pg-boss',
  server: 'postgres',
  packages: ['pg-boss', 'pg'],
  configurations: {
    best: `LISTEN/NOTIFY, pool of 16, batches of 1,000 on 2 loops, bursts while batches are full, polls every 0.5 s; producers: pool of ${POOL}`,
    'per-job':
      'as best, each job of a batch is settled on its own result, and polls every 0.5 s beside NOTIFY',
    poll: 'as best, without LISTEN/NOTIFY',
    default: '1 job every 2 s',
  },

  async install({ url }) {
    const boss = createBoss(url);
    await boss.start();
    await boss.stop({ graceful: false });
  },

  async openProducer({ url }, { configuration, retries = false }) {
    const boss = createBoss(url, { max: POOL, supervise: false, schedule: false });
    await boss.start();
    const queue = nameOf(1);
    await boss.createQueue(queue, {
      notify: notifies(configuration),
      ...(retries && { retryLimit: 2, retryDelay: 0 }),
    });
    const look = new pg.Client({ connectionString: url });
    await look.connect();
    return {
      pushOne: (payload) => boss.send(queue, payload),
      pushMany: (payloads) =>
        boss.insert(
          queue,
          payloads.map((data) => ({ data })),
        ),
      async countLeft() {
        const { rows } = await look.query(
          `SELECT count(*)::int AS count FROM pgboss.job WHERE name = $1 AND state <> 'completed'`,
          [queue],
        );
        return rows[0].count;
      },
      async close() {
        await look.end();
        await boss.stop({ graceful: false });
      },
    };
  },

  async openWorker({ url }, { configuration, slots, kinds = 1, handle }) {
    const boss = createBoss(
      url,
      configuration === 'default' ? {} : { max: 16, useListenNotify: notifies(configuration) },
    );
    await boss.start();
    for (let kind = 1; kind <= kinds; kind++) {
      await boss.createQueue(nameOf(kind), { notify: notifies(configuration) });
    }
    const options = { ...WORK[configuration], ...(slots && { batchSize: slots, localConcurrency: 1 }) };

    /** @param {{ id: string, data: any }[]} jobs */
    const handleAll = async (jobs) => {
      await Promise.all(jobs.map(({ data }) => handle(data)));
    };
    /** @param {{ id: string, data: any }[]} jobs */
    const handleEach = (jobs) =>
      Promise.all(
        jobs.map(async ({ id, data }) => {
          try {
            await handle(data);
            return { id, status: 'completed' };
          } catch (error) {
            return { id, status: 'failed', output: { message: /** @type {Error} */ (error).message } };
          }
        }),
      );
    return {
      async start() {
        for (let kind = 1; kind <= kinds; kind++) {
          await boss.work(nameOf(kind), options, configuration === 'per-job' ? handleEach : handleAll);
        }
      },
      stop: () => boss.stop({ graceful: true, timeout: 30_000 }),
    };
  },
};
