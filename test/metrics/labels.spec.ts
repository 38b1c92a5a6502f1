import { Injectable } from '@nestjs/common';
import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { defineTask, noJitter, type Task, TaskHandler } from '../../lib/index.js';
import { PgQueueMetricsModule } from '../../lib/metrics/index.js';
import { until } from '../support/index.js';
import { createQueueApp } from '../support/queue-app.js';
import { createTestDatabase } from '../support/test-database.js';

const TASKS = 1000;
const WORK = defineTask<string>({ kind: 1, name: 'work', maxAttempts: 1, workerCount: 100 });

it('H54: keys, payloads and error messages add no series', async () => {
  const database = await createTestDatabase();
  const registry = new Registry();
  const app = await createQueueApp({
    url: database.url,
    providers: [Worker],
    imports: [PgQueueMetricsModule.register({ registry })],
  });
  const seriesOf = async () =>
    (await registry.metrics())
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => line.slice(0, line.lastIndexOf(' ')))
      .toSorted();
  const before = await seriesOf();
  await app.queue.pushTasks(
    Array.from({ length: TASKS }, (_, n) => ({
      kind: WORK,
      payload: `payload ${n}`,
      externalKey: `key ${n}`,
    })),
  );
  await until(async () =>
    (await registry.metrics()).includes(
      `pgqueue_tasks_total{kind="work",status="no_attempts_left"} ${TASKS}`,
    ),
  );
  expect(await seriesOf()).toEqual(before);
  await app.close();
  await database.drop();
});

@Injectable()
class Worker {
  @TaskHandler(WORK, { attemptTimeout: '10s', backoff: noJitter(0) })
  work({ payload }: Task<string>) {
    throw new Error(`a message of its own: ${payload}`);
  }
}
