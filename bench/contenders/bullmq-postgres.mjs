/** BullMQ on its own PostgreSQL backend. */
/** @import { Contender } from '../types.js' */
import { createPostgresBackend, withBackend } from 'bullmq';
import { bullmq } from './bullmq.mjs';

const POOL = 16;
const { Queue, Worker } = withBackend(createPostgresBackend);

/** @type {Contender} */
export default bullmq({
  name: 'bullmq-postgres',
  server: 'postgres',
  packages: ['bullmq', 'pg'],
  configurations: {
    best: `one Worker, 24 jobs at once, pool of ${POOL}, completed jobs removed`,
    default: '1 job at once, completed jobs kept',
    ten: '10 jobs at once, else as default',
  },
  classes: { Queue, Worker },
  slots: 24,
  connect: ({ url }) => ({ connection: { connectionString: url, max: POOL } }),
  async install(store) {
    const queue = new Queue('queue-1', { connection: { connectionString: store.url, migrate: true } });
    await queue.waitUntilReady();
    await queue.close();
  },
});
