import { afterAll, beforeAll, expect, it } from 'vitest';
import { PgQueueHealthIndicator } from '../../lib/index.js';
import { newKind } from '../support/kinds.js';
import { LISTENS } from '../support/over.js';
import { createQueueApp, type QueueApp } from '../support/queue-app.js';
import { recordEvents } from '../support/queue-events.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';

let database: TestDatabase;
let first: QueueApp;
let second: QueueApp;

beforeAll(async () => {
  database = await createTestDatabase();
  first = await createQueueApp({ url: database.url, options: { autoStart: false } });
  second = await createQueueApp({ url: database.url, options: { autoStart: false } });
});
afterAll(async () => {
  await second.close();
  await first.close();
  await database.drop();
});

/** Heartbeats that are still to come: those of processes that have nothing to do. */
const ahead = async (): Promise<number> => {
  const [row] = await first.dataSource.query(
    'SELECT count(*)::int AS count FROM pgqueue_lease WHERE heartbeat_at > clock_timestamp()',
  );
  return row.count;
};

it.skipIf(!LISTENS)(
  'processes ask less while none has anything to do, and are as fast as ever when one has',
  async () => {
    const definition = newKind({ loop: { fetcherPeriod: 1000 } });
    const ran: unknown[] = [];
    for (const { queue } of [first, second]) {
      queue.registerKind(definition, ({ payload }) => void ran.push(payload));
      await queue.start();
    }
    const events = recordEvents(first.queue);
    await until(async () => (await ahead()) === 2, 20_000);
    const polls: number[] = [];
    first.queue.subscribe(({ type }) => type === 'claimed' && polls.push(performance.now()));
    const health = first.get(PgQueueHealthIndicator);
    const statuses = new Set<string>();
    const hasRested = () => polls.filter((at, index) => at - (polls[index - 1] ?? at) > 3000).length >= 2;
    await until(async () => {
      statuses.add((await health.isHealthy('queue', { maxMissedPolls: 2 }))['queue'].status);
      return hasRested();
    }, 40_000);
    // Polls that were put off are not missed.
    expect([...statuses]).toEqual(['up']);

    const pushedAt = performance.now();
    await first.queue.pushTask({ kind: definition, payload: 1 });
    await until(() => ran.length === 1, 1000);
    expect(performance.now() - pushedAt).toBeLessThan(1000);
    // Who runs it says so at once: a crash would be noticed as soon as ever.
    await until(async () => (await ahead()) < 2, 1000);
    expect(events.of('lease-lost')).toEqual([]);
  },
  60_000,
);

it('warns when a handler blocks the event loop for a fifth of the lease timeout', async () => {
  const blocking = await createQueueApp({
    url: database.url,
    options: { autoStart: false, leaseTimeout: '4s' },
  });
  const definition = newKind();
  const events = recordEvents(blocking.queue);
  blocking.queue.registerKind(definition, () => {
    const end = performance.now() + 1500;
    while (performance.now() < end);
  });
  await blocking.queue.start();
  await blocking.queue.pushTask({ kind: definition, payload: 0 });
  const { blockedMs, leaseTimeoutMs } = await events.first('event-loop-blocked');
  expect(blockedMs).toBeGreaterThanOrEqual(800);
  expect(leaseTimeoutMs).toBe(4000);
  await blocking.close();
});
