import { afterEach, expect, vi } from 'vitest';
import { QueueAdmin } from '../../lib/index.js';
import { databasePerFile, deferred, newKind, recordEvents, until } from '../support/index.js';

const YEAR = 365 * 24 * 3600 * 1000;

const { it, app, openApp } = databasePerFile({
  app: { options: { heartbeatPeriod: 50, leaseTimeout: 500 } },
});
const { events } = app;

afterEach(() => {
  vi.useRealTimers();
});

it('when the clock of the database jumps forward, nobody who lives is taken for dead', async () => {
  const others = await Promise.all(
    [1, 2].map(() => openApp({ options: { heartbeatPeriod: 50, leaseTimeout: 500 } })),
  );
  const definition = newKind({ workerCount: 3 });
  const attempts: number[] = [];
  const end = deferred();
  const all = [app, ...others].map(({ queue }) => {
    queue.registerKind(definition, async ({ attempt }) => {
      attempts.push(attempt);
      await end.promise;
    });
    return recordEvents(queue);
  });
  await app.queue.pushTasks(Array.from({ length: 9 }, () => ({ kind: definition, payload: 0 })));
  await until(() => attempts.length === 9);
  const jumps = 20;
  for (let jump = 0; jump < jumps; jump++) {
    await app.dataSource.query(`UPDATE pgqueue_lease SET heartbeat_at = heartbeat_at - interval '1 hour'`);
    await until(async () => {
      const [{ late }] = await app.dataSource.query(
        `SELECT count(*)::int AS late FROM pgqueue_lease WHERE heartbeat_at < clock_timestamp() - interval '1 minute'`,
      );
      return late === 0;
    });
  }
  end.resolve();
  await until(
    async () => (await app.stored(`kind = ${definition.kind} AND status = 'succeeded'`)).length === 9,
  );
  expect(attempts).toEqual(Array(9).fill(1));
  expect(all.flatMap((recorded) => recorded.of('lease-lost'))).toEqual([]);
  await Promise.all(others.map((other) => other.close()));
});

it.each([
  ['ten years ahead', 10 * YEAR],
  ['ten years behind', -10 * YEAR],
])('the clock of the application may jump %s: the database’s alone decides what is due', async (_, jump) => {
  const definition = newKind({ backoff: () => 300, loop: { fetcherPeriod: '1h' } });
  const starts: number[] = [];
  app.queue.registerKind(definition, ({ attempt }) => {
    starts.push(performance.now());
    if (attempt === 1) throw new Error('once more');
  });
  vi.useFakeTimers({ toFake: ['Date'] });
  vi.setSystemTime(Date.now() + jump);
  const pushedAt = performance.now();
  await app.queue.pushTask({ kind: definition, payload: 0 }, { delay: 300 });
  const [stored] = await app.stored(`kind = ${definition.kind}`);
  expect(stored!.due_in).toBeLessThanOrEqual(300);
  await until(() => starts.length === 2);
  const [first, second] = starts as [number, number];
  expect(first - pushedAt).toBeGreaterThanOrEqual(299);
  expect(second - first).toBeGreaterThanOrEqual(299);
  expect(events.of('lease-lost')).toEqual([]);
});

it('a task is hurried whatever the clock of the application says', async () => {
  const definition = newKind();
  await app.queue.pushTask({ kind: definition, payload: 0 }, { delay: '1h' });
  vi.useFakeTimers({ toFake: ['Date'] });
  vi.setSystemTime(Date.now() + YEAR);
  expect(await app.get(QueueAdmin).runNow({ kind: definition })).toEqual({ changed: 1, more: false });
});
