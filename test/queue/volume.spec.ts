import { expect } from 'vitest';
import { databasePerFile, until } from '../support/index.js';

const TASKS = 100_000;
const HEAP_LIMIT = 512 * 1024 * 1024;

const { it, app } = databasePerFile({ app: {} });

it('pushes 100,000 tasks in one call and runs each once, within 512 MB of heap', async () => {
  let highest = 0;
  const sampler = setInterval(() => (highest = Math.max(highest, process.memoryUsage().heapUsed)), 20);
  const seen = new Set<string>();
  let starts = 0;
  app.queue.registerKind(
    1,
    (task) => {
      starts++;
      seen.add(task.id);
    },
    { attemptTimeout: '1m', backoff: () => 1000, workerCount: 500, terminalTasksTtl: 0 },
  );
  const tasks = Array.from({ length: TASKS }, (_, n) => ({ kind: 1, payload: { n, text: 'x'.repeat(50) } }));
  const results = await app.queue.pushTasks(tasks);
  expect(new Set(results.map(({ id }) => id)).size).toBe(TASKS);
  expect(results.every(({ status }) => status === 'pushed')).toBe(true);
  await until(() => seen.size === TASKS, 60_000);
  await until(async () => (await app.dataSource.query('SELECT FROM pgqueue LIMIT 1')).length === 0, 10_000);
  clearInterval(sampler);
  expect(starts).toBe(TASKS);
  expect(highest).toBeLessThan(HEAP_LIMIT);
}, 120_000);
