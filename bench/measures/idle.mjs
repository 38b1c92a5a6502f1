/** @import { Entry, Lab, Measure } from '../types.js' */
import { Redis } from 'ioredis';
import { entries, inVariants } from '../harness/entries.mjs';
import { pause } from '../harness/clock.mjs';

/** After this long a worker that has just started has fallen idle. */
const SETTLE_MS = 5000;

/** @type {Measure} */
export default {
  name: 'idle',
  title: 'Cost of doing nothing',
  about:
    'One process waits for tasks of 1 kind, and of 500 kinds; nothing is pushed. Statements (commands, for Redis) and CPU time, for a minute. bullmq-postgres listens on a connection for each kind, so that 500 kinds take more connections than the server has.',
  variantTitle: 'kinds',
  entries: [
    ...inVariants([1], () =>
      entries(['pgqueue', 'graphile-worker', 'pg-boss', 'bullmq-redis', 'bullmq-postgres']),
    ),
    ...inVariants([500], () => entries(['pgqueue', 'graphile-worker', 'pg-boss', 'bullmq-redis'])),
  ],
  columns: [
    { key: 'statements', title: 'statements a minute' },
    { key: 'claims', title: 'of them looking for tasks' },
    { key: 'workerCpu', title: 'worker CPU, ms a minute' },
    { key: 'serverCpu', title: 'server CPU, ms a minute' },
  ],
  repetitions: 1,
  parameters: ({ quick }) => ({ seconds: quick ? 3 : 15 }),
  async run(lab, entry, { seconds = 0 }) {
    const producer = await lab.open();
    await producer.call('closeProducer');
    const { count, close } = await counter(lab, entry);
    await lab.openWorkers(1, { kinds: Number(entry.variant) });
    await lab.startWorkers();
    await pause(SETTLE_MS);

    const begin = await count();
    const usage = await lab.startUsage();
    await pause(seconds * 1000);
    const { workerCpu, serverCpu } = await usage.per1000(1000 * (seconds / 60));
    const end = await count();
    await close();
    await lab.stopWorkers();
    const perMinute = 60 / seconds;
    return {
      figures: {
        statements: (end.all - begin.all) * perMinute,
        claims: end.claims === undefined ? null : (end.claims - Number(begin.claims)) * perMinute,
        workerCpu,
        serverCpu,
      },
    };
  },
};

/** How the statement that looks for tasks can be told. @type {Record<string, RegExp>} */
const CLAIMS = {
  pgqueue: /SKIP LOCKED[\s\S]*lease_id|pgqueue_claim/,
  'graphile-worker': /SKIP LOCKED/i,
  'pg-boss': /SKIP LOCKED/i,
  'bullmq-postgres': /move_to_active|moveToActive/i,
};

/**
 * @param {Lab} lab
 * @param {Entry} entry
 * @returns {Promise<{ count: () => Promise<{ all: number, claims?: number }>, close: () => Promise<unknown> }>}
 */
async function counter(lab, { contender }) {
  if (lab.store.server === 'redis') {
    const { hostname, port } = new URL(lab.serverUrl);
    const client = new Redis(Number(port), hostname);
    return {
      count: async () => ({
        all: Number(/total_commands_processed:(\d+)/.exec(await client.info('stats'))?.[1]),
      }),
      close: () => client.quit(),
    };
  }
  const client = await lab.connect();
  // Its own sessions, and nobody else's: the log then tells every statement.
  await client.query(`ALTER DATABASE ${lab.store.name} SET log_statement = 'all'`);
  const offset = lab.serverLog().length;
  const count = async () => {
    // One statement may have many lines; only the first begins with a time.
    const statements = lab
      .serverLog()
      .slice(offset)
      .split(/^(?=\d{4}-\d\d-\d\d )/m)
      .filter((line) => /LOG: {2}(statement|execute [^:]*):/.test(line));
    return {
      all: statements.length,
      claims: statements.filter((line) => CLAIMS[contender]?.test(line)).length,
    };
  };
  return { count, close: async () => undefined };
}
