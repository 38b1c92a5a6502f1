import { Injectable } from '@nestjs/common';
import { PrometheusModule } from '@willsoto/nestjs-prometheus';
import { register, Registry } from 'prom-client';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  defineTask,
  MustCancelTaskError,
  MustIgnoreTaskError,
  noJitter,
  SnoozeTaskError,
  type Task,
  TaskHandler,
} from '../../lib/index.js';
import { PgQueueMetricsModule } from '../../lib/metrics/index.js';
import { deferred, until } from '../support/index.js';
import { createQueueApp, type QueueApp, type QueueAppOptions } from '../support/queue-app.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

describe('metrics', () => {
  let database: TestDatabase;
  const apps: QueueApp[] = [];

  beforeAll(async () => {
    database = await createTestDatabase();
  });

  afterAll(() => database.drop());

  beforeEach(() => register.clear());

  afterEach(async () => {
    await Promise.all(apps.splice(0).map((app) => app.close()));
    register.clear();
  });

  async function start(
    imports: NonNullable<QueueAppOptions['imports']>,
    options: Partial<QueueAppOptions> = {},
  ): Promise<QueueApp> {
    const app = await createQueueApp({ url: database.url, providers: [Worker], imports, ...options });
    apps.push(app);
    return app;
  }

  it('H54: have every series at 0 from the moment a kind is registered', async () => {
    const { queue } = await start([prometheus(), PgQueueMetricsModule], { options: { autoStart: false } });
    expect(await counts('work')).toEqual(ZERO);
    expect(await counts('idle')).toEqual(ZERO);
    expect(await attempts('idle')).toBe(0);
    queue.registerKind(3, () => undefined, { ...OPTIONS, name: 'late' });
    expect(await counts('late')).toEqual(ZERO);
    expect(await attempts('late')).toBe(0);
  });

  it.each<[string, string, Partial<typeof ZERO>, number]>([
    ['success', 'succeed', { processing: 1, succeeded: 1 }, 1],
    ['failures, until no attempts are left', 'fail', { processing: 2, failed: 2, no_attempts_left: 1 }, 2],
    [
      'a failure that is not to be counted as one',
      'ignore',
      { processing: 2, ignored: 2, no_attempts_left: 1 },
      2,
    ],
    ['a cancel by the handler', 'cancel', { processing: 1, cancelled: 1 }, 1],
    ['a snooze', 'snooze', { processing: 2, succeeded: 1 }, 2],
  ])('count %s', async (_, payload, expected, tries) => {
    const { queue } = await start([prometheus(), PgQueueMetricsModule]);
    await queue.pushTask({ kind: WORK, payload });
    await until(async () => (await attempts('work')) === tries);
    expect(await counts('work')).toEqual({ ...ZERO, new: 1, ...expected });
    expect(await counts('idle')).toEqual(ZERO);
  });

  it('count what was pushed, duplicates aside, and what was cancelled by its key', async () => {
    const { queue, get } = await start([prometheus(), PgQueueMetricsModule]);
    await queue.pushTasks([
      { kind: WORK, payload: 'wait', externalKey: 'a' },
      { kind: WORK, payload: 'wait', externalKey: 'a' },
    ]);
    await until(async () => (await counts('work'))['processing'] === 1);
    await queue.pushTask({ kind: IDLE, payload: '', externalKey: 'b' }, { delay: '1h' });
    await queue.cancelTaskByKey(IDLE, 'b');
    expect(await counts('idle')).toEqual({ ...ZERO, new: 1, cancelled: 1 });

    // The running attempt loses its lease, so that its outcome is discarded.
    await queue.cancelTaskByKey(WORK, 'a');
    await until(async () => (await counts('work'))['lost'] === 0);
    get(Worker).gate.resolve();
    await until(async () => (await counts('work'))['lost'] === 1);
    expect(await counts('work')).toEqual({ ...ZERO, new: 1, processing: 1, cancelled: 1, lost: 1 });
  });

  it('count what a dead worker process has left behind', async () => {
    const { queue, dataSource } = await start([prometheus(), PgQueueMetricsModule], {
      options: { heartbeatPeriod: '50ms', leaseTimeout: '300ms' },
    });
    await queue.pushTasks(
      [2, 1].map((attemptsLeft) => ({ kind: WORK, payload: '', externalKey: `left ${attemptsLeft}` })),
      { delay: '1h' },
    );
    await dataSource.query(`
      WITH dead AS (INSERT INTO pgqueue_lease (worker, heartbeat_at) VALUES ('dead', '-infinity') RETURNING id)
      UPDATE pgqueue SET lease_id = dead.id, attempts_left = right(external_key, 1)::int - 1 FROM dead
      WHERE external_key LIKE 'left%'`);
    await until(async () => (await counts('work'))['succeeded'] === 1);
    expect(await counts('work')).toEqual({
      ...ZERO,
      new: 2,
      lost: 2,
      no_attempts_left: 1,
      processing: 1,
      succeeded: 1,
    });
  });

  it("heed the prefix of PrometheusModule, or one of the queue's own", async () => {
    await start([prometheus({ global: true, customMetricPrefix: 'shop' }), PgQueueMetricsModule]);
    expect(await counts('work', register, 'shop_pgqueue_tasks_total')).toEqual(ZERO);
    await start([prometheus(), PgQueueMetricsModule.register({ prefix: 'own' })]);
    expect(await counts('work', register, 'own_pgqueue_tasks_total')).toEqual(ZERO);
    const names = register.getMetricsAsArray().map(({ name }) => name);
    const unprefixed = names.map((name) => name.replace(/^(shop|own)_/, ''));
    expect(names.toSorted()).toEqual(
      [...new Set(unprefixed)].flatMap((name) => [`own_${name}`, `shop_${name}`]).toSorted(),
    );
  });

  it('H49: are shared by applications of one process, unless each has a registry of its own', async () => {
    const [one, two] = [new Registry(), new Registry()];
    const shared = [prometheus(), PgQueueMetricsModule];
    const first = await start([PgQueueMetricsModule.register({ registry: one })]);
    const second = await start([PgQueueMetricsModule.register({ registry: two })], {
      options: { autoStart: false },
    });
    await start(shared, { options: { autoStart: false } });
    const third = await start(shared, { options: { autoStart: false } });
    await second.queue.pushTask({ kind: WORK, payload: '' });
    await third.queue.pushTask({ kind: WORK, payload: '' });
    await until(async () => (await attempts('work', one)) === 2);

    expect(await counts('work', one)).toEqual({ ...ZERO, processing: 2, succeeded: 2 });
    expect(await counts('work', two)).toEqual({ ...ZERO, new: 1 });
    expect(await counts('work')).toEqual({ ...ZERO, new: 1 });

    // What is closed counts no more; what comes after it goes on in the same registry.
    await first.close();
    const again = await start([PgQueueMetricsModule.register({ registry: one })]);
    await again.queue.pushTask({ kind: WORK, payload: '' });
    await until(async () => (await attempts('work', one)) === 3);
    expect(await counts('work', one)).toEqual({ ...ZERO, new: 1, processing: 3, succeeded: 3 });
  });

  it('H49: start anew in a registry that was cleared', async () => {
    const first = await start([prometheus(), PgQueueMetricsModule]);
    await first.queue.pushTask({ kind: WORK, payload: '' });
    await until(async () => (await attempts('work')) === 1);
    await first.close();
    register.clear();
    await start([prometheus(), PgQueueMetricsModule]);
    expect(await counts('work')).toEqual(ZERO);
  });
});

const ZERO = {
  new: 0,
  processing: 0,
  succeeded: 0,
  failed: 0,
  cancelled: 0,
  ignored: 0,
  no_attempts_left: 0,
  lost: 0,
};

const OPTIONS = { attemptTimeout: '10s', backoff: noJitter(0), maxAttempts: 2 } as const;
const WORK = defineTask<string>({ kind: 1, name: 'work', ...OPTIONS });
const IDLE = defineTask<string>({ kind: 2, name: 'idle', ...OPTIONS });

@Injectable()
class Worker {
  readonly gate = deferred();
  tries = 0;

  @TaskHandler(WORK)
  async work({ payload }: Task<string>) {
    switch (payload) {
      case 'fail':
        throw new Error('failed');
      case 'cancel':
        throw new MustCancelTaskError('cancelled');
      case 'ignore':
        throw new MustIgnoreTaskError('ignored');
      case 'snooze':
        if (++this.tries === 1) {
          throw new SnoozeTaskError(0);
        }
        return;
      case 'wait':
        await this.gate.promise;
    }
  }

  @TaskHandler(IDLE)
  idle() {}
}

/** The counter's values of one kind, by status. */
async function counts(kind: string, registry: Registry = register, name = 'pgqueue_tasks_total') {
  const { values } = await registry.getSingleMetric(name)!.get();
  return Object.fromEntries(
    values
      .filter(({ labels }) => labels['kind'] === kind)
      .map(({ labels, value }) => [labels['status'], value]),
  );
}

async function attempts(kind: string, registry: Registry = register) {
  const { values } = await registry.getSingleMetric('pgqueue_attempt_duration_seconds')!.get();
  return (values as ((typeof values)[number] & { metricName?: string })[]).find(
    ({ labels, metricName }) => labels['kind'] === kind && metricName?.endsWith('_count'),
  )?.value;
}

const prometheus = (options = {}) =>
  PrometheusModule.register({ defaultMetrics: { enabled: false }, ...options });
