// One worker process of the exactness run: reports each start to its parent, by (id, attempt).
import 'reflect-metadata';
import { createApp } from './app.mjs';

const [url = '', seed = '1'] = process.argv.slice(2);
let random = Number(seed);
const next = () => (random = (random * 16807) % 2147483647) / 2147483647;

const { queue } = await createApp(url);
/** @type {[kind: number, id: string, attempt: number, n: number][]} */
let starts = [];
const report = () => {
  if (starts.length > 0 && process.connected) {
    process.send?.({ starts });
    starts = [];
  }
};
setInterval(report, 5);

for (const kind of [1, 2]) {
  queue.registerKind(
    kind,
    async (task) => {
      starts.push([kind, task.id, task.attempt, /** @type {any} */ (task.payload).n]);
      if (task.attempt === 1 && next() < 0.15) {
        throw new Error('once more');
      }
    },
    {
      workerCount: 200,
      attemptTimeout: '1m',
      backoff: () => (next() < 0.5 ? 0 : next() * 1000),
      terminalTasksTtl: 0,
      loop: { fetcherPeriod: 500 },
    },
  );
}
await queue.start();
process.send?.('up');
process.on('disconnect', () => process.exit(1));
process.on('message', async (message) => {
  if (message === 'stop') {
    await queue.stop();
    report();
    process.send?.('stopped', () => process.exit(0));
  }
});
