import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type ChildApp, type ChildApps, compileApps } from '../support/child-app.js';
import { until } from '../support/index.js';
import { createQueueApp, type QueueApp, storedTasks } from '../support/queue-app.js';
import { applicationUrl, createTestDatabase, type TestDatabase } from '../support/test-database.js';
import { WORK } from './signal-tasks.js';

/** A worker in a process of its own, as a container runs it, and a producer here that looks on. */
describe('H33: a worker process and SIGTERM', () => {
  let apps: ChildApps;
  let database: TestDatabase;
  let producer: QueueApp;

  beforeAll(async () => {
    apps = await compileApps('test/nest/signal-app.ts', 'test/nest/signal-tasks.ts', 'test/support/over.ts');
  });

  afterAll(() => apps.close());

  beforeEach(async () => {
    database = await createTestDatabase();
    producer = await createQueueApp({ url: database.url });
    await producer.dataSource.query('CREATE TABLE effect (step int)');
  });

  afterEach(async () => {
    await producer.close();
    await database.drop();
  });

  async function start(env: Record<string, string> = {}): Promise<ChildApp> {
    const worker = apps.start('test/nest/signal-app.ts', {
      DATABASE_URL: applicationUrl(database.url),
      ...env,
    });
    await worker.writes('ready');
    return worker;
  }

  const push = (step: number, takesMs: number | null) =>
    producer.queue.pushTask({ kind: WORK, payload: { step, takesMs } });

  const leases = () => producer.dataSource.query('SELECT id FROM pgqueue_lease');

  it('finishes what runs, with its effects and its follow-up tasks, and takes nothing more', async () => {
    const worker = await start();
    await push(1, 1000);
    await worker.writes('run 1');
    await push(2, 0);
    expect(await terminate(worker)).toMatchObject({ end: 'SIGTERM' });

    const order = worker.output().match(/^(run|done|destroyed).*$/gm);
    expect(order).toEqual(['run 1', 'done 1', 'destroyed']);
    expect(await producer.dataSource.query('SELECT step FROM effect')).toEqual([{ step: 1 }]);
    expect(await storedTasks(producer.dataSource)).toMatchObject([
      { payload: { step: 1 }, status: 'succeeded', attempts_left: 2 },
      { payload: { step: 2 }, status: 'new', attempts_left: 3, lease_id: null },
      { payload: 1, kind: 2, status: 'new' },
    ]);
    expect(await leases()).toEqual([]);
  });

  it('ends in time when a handler never does, whatever more signals come, and gives its task back', async () => {
    const worker = await start({ SHUTDOWN_TIMEOUT: '500ms' });
    await push(1, null);
    await worker.writes('run 1');
    const ending = terminate(worker);
    worker.process.kill('SIGTERM');
    const { end, tookMs } = await ending;
    expect(end).toBe('SIGTERM');
    expect(tookMs).toBeGreaterThan(490);
    expect(tookMs).toBeLessThan(2500);
    expect(await storedTasks(producer.dataSource)).toMatchObject([
      { status: 'must_retry', lease_id: null, attempts_left: 3, attempts_elapsed: 0, messages: null },
    ]);
    expect(await leases()).toEqual([]);
  });

  it('warns when nobody listens to signals; what ran then is rescued, its attempt used', async () => {
    const worker = await start({ DEAF: '1' });
    await push(1, null);
    await worker.writes('run 1');
    await worker.writes('call app.enableShutdownHooks()');
    const { end, tookMs } = await terminate(worker);
    expect(end).toBe('SIGTERM');
    expect(tookMs).toBeLessThan(500);
    expect(await leases()).toHaveLength(1);

    await start();
    const rescued = async () =>
      (await storedTasks(producer.dataSource, "status <> 'new' AND messages IS NOT NULL"))[0];
    expect(await until(rescued)).toMatchObject({
      attempts_elapsed: expect.toSatisfy((elapsed: number) => elapsed >= 1),
      messages: [expect.stringContaining('worker process lost')],
    });
  });
});

async function terminate(worker: ChildApp): Promise<{ end: number | string; tookMs: number }> {
  const startedAt = performance.now();
  worker.process.kill('SIGTERM');
  const end = await worker.ended;
  return { end, tookMs: performance.now() - startedAt };
}
