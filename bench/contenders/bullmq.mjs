/** What both backends of BullMQ share. */
/** @import { Contender, Store } from '../types.js' */

const nameOf = (/** @type {number} */ kind) => `queue-${kind}`;

/**
 * @param {Omit<Contender, 'openProducer' | 'openWorker'> & {
 *   classes: { Queue: any, Worker: any },
 *   slots: number,
 *   connect: (store: Store) => object,
 * }} settings
 * @returns {Contender}
 */
export function bullmq({ classes: { Queue, Worker }, slots: bestSlots, connect, ...contender }) {
  return {
    ...contender,

    async openProducer(store, { configuration, retries = false }) {
      const queue = new Queue(nameOf(1), {
        ...connect(store),
        defaultJobOptions: {
          ...(configuration === 'best' && { removeOnComplete: true }),
          ...(retries && { attempts: 2 }),
        },
      });
      queue.on('error', (/** @type {Error} */ error) => process.stderr.write(`bullmq: ${error.message}\n`));
      await queue.waitUntilReady();
      return {
        pushOne: (payload) => queue.add('task', payload),
        pushMany: (payloads) => queue.addBulk(payloads.map((data) => ({ name: 'task', data }))),
        countLeft: () => queue.getJobCountByTypes('waiting', 'active', 'delayed', 'prioritized', 'failed'),
        close: () => queue.close(),
      };
    },

    async openWorker(store, { configuration, slots, kinds = 1, handle }) {
      const concurrency = slots ?? { best: bestSlots, ten: 10 }[configuration] ?? 1;
      const workers = Array.from({ length: kinds }, (_, index) => {
        const worker = new Worker(nameOf(index + 1), async (/** @type {any} */ job) => handle(job.data), {
          ...connect(store),
          concurrency,
          autorun: false,
          ...(configuration === 'best' && { removeOnComplete: { count: 0 } }),
        });
        worker.on('error', (/** @type {Error} */ error) =>
          process.stderr.write(`bullmq: ${error.message}\n`),
        );
        return worker;
      });
      await Promise.all(workers.map((worker) => worker.waitUntilReady()));
      return {
        async start() {
          for (const worker of workers) worker.run().catch(() => {}); // ends when the worker is closed
        },
        async stop() {
          await Promise.all(workers.map((worker) => worker.close()));
        },
      };
    },
  };
}
