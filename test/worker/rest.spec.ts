import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, afterEach, describe, expect, vi } from 'vitest';
import { type Duration, PgQueueHealthIndicator, type TaskDefinition } from '../../lib/index.js';
import { databasePerFile, IDLE, newKind, recordEvents, until } from '../support/index.js';
import type { RecordedEvents } from '../support/queue-events.js';
import { LISTENS, OVER } from '../support/over.js';
import { createQueueApp, type QueueApp } from '../support/queue-app.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

const { it, first, second, openApp } = databasePerFile({ first: IDLE, second: IDLE });

it.skipIf(!LISTENS)(
  'processes ask less while none has anything to do, and are as fast as ever when one has',
  async () => {
    const definition = newKind({ loop: { fetcherPeriod: 1000 } });
    const ran: unknown[] = [];
    for (const { queue } of [first, second]) {
      queue.registerKind(definition, ({ payload }) => void ran.push(payload));
      await queue.start();
    }
    const events = first.recordEvents();
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

describe('a process with an idle period', () => {
  let quiet: TestDatabase;
  let observer: pg.Client;
  let app: QueueApp;
  let events: RecordedEvents;
  let ran: string[];

  it.beforeAll(async () => {
    quiet = await createTestDatabase();
    observer = new pg.Client({ connectionString: quiet.url });
    await observer.connect();
  });
  afterEach(() => app.close());
  afterAll(async () => {
    await observer.end();
    await quiet.drop();
  });

  async function start(idlePeriod: Duration): Promise<TaskDefinition<any>> {
    app = await createQueueApp({
      url: quiet.url,
      options: { autoStart: false, idlePeriod, listen: LISTENS },
    });
    events = recordEvents(app.queue);
    ran = [];
    const kind = newKind();
    app.queue.registerKind(kind, ({ payload }) => void ran.push(payload as string));
    await app.queue.start();
    return kind;
  }

  /** The queue's own connections. A pooler keeps its own, whoever has left: behind it they say nothing. */
  async function connections(): Promise<string[]> {
    if (OVER === 'pgbouncer') {
      return [];
    }
    const { rows } = await observer.query(
      `SELECT application_name AS name FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE '%nestjs-pgqueue %'`,
    );
    return rows.map(({ name }) => name);
  }

  it('asks nothing while nothing is stored that has not ended, and is healthy', async () => {
    const kind = await start('1h');
    await app.queue.pushTask({ kind, payload: 'delayed' }, { delay: '24s' });
    await until(() => ran.length === 1, 40_000);
    // As long as a task waited it had to be looked for.
    expect(events.of('suspended')).toEqual([]);
    await events.first('suspended', undefined, 40_000);
    const statements = countStatements(quiet.url);
    await pause(10_000);
    expect(statements.count).toBe(0);
    statements.end();
    expect(await connections()).toHaveLength(LISTENS ? 1 : 0);
    expect((await observer.query('SELECT FROM pgqueue_lease')).rowCount).toBe(0);
    expect(await app.get(PgQueueHealthIndicator).isHealthy()).toMatchObject({ pgqueue: { status: 'up' } });
    expect(events.of('lease-lost')).toEqual([]);
    // A stop ends it, and so does what is registered and started anew.
    await app.queue.stop();
    expect(await connections()).toEqual([]);
    await app.queue.start();
    await app.queue.pushTask({ kind, payload: 'now' });
    await until(() => ran.length === 2);
  }, 120_000);

  it.skipIf(!LISTENS)(
    'runs what is pushed meanwhile at once, also when its connection was cut',
    async () => {
      const kind = await start('1h');
      await events.first('suspended', undefined, 40_000);
      const pushedAt = performance.now();
      await app.queue.pushTask({ kind, payload: 'pushed' });
      await until(() => ran.length === 1, 5000);
      expect(performance.now() - pushedAt).toBeLessThan(2000);
      await until(() => events.of('suspended').length === 2, 40_000);
      await observer.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE '%nestjs-pgqueue %'`,
      );
      // What it can't hear of any more it looks for.
      await until(() => events.of('resumed').length === 2, 5000);
      await app.queue.pushTask({ kind, payload: 'heard' });
      await until(() => ran.length === 2, 5000);
    },
    120_000,
  );

  it('looks again after that time', async () => {
    const kind = await start('2s');
    await events.first('suspended', undefined, 40_000);
    await events.first('resumed', undefined, 5000);
    await app.queue.pushTask({ kind, payload: 'found' });
    await until(() => ran.length === 1, 5000);
    expect(events.of('suspended')).toHaveLength(1);
  }, 60_000);
});

it('warns when a handler blocks the event loop for a fifth of the lease timeout', async () => {
  const blocking = await openApp({
    options: { autoStart: false, leaseTimeout: '4s' },
  });
  const definition = newKind();
  const events = blocking.recordEvents();
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

/** Heartbeats that are still to come: those of processes that have nothing to do. */
const ahead = async (): Promise<number> => {
  const [row] = await first.dataSource.query(
    'SELECT count(*)::int AS count FROM pgqueue_lease WHERE heartbeat_at > clock_timestamp()',
  );
  return row.count;
};

/** How many statements are sent to a database. */
function countStatements(url: string): { count: number; end(): void } {
  const counted = { count: 0, end: () => spy.mockRestore() };
  const query = pg.Client.prototype.query as (...asked: unknown[]) => unknown;
  const spy = vi.spyOn(pg.Client.prototype as { query: typeof query }, 'query').mockImplementation(function (
    this: pg.Client,
    ...asked
  ) {
    const { database: name } = this as unknown as { database: string };
    counted.count += new URL(url).pathname === `/${name}` ? 1 : 0;
    return Reflect.apply(query, this, asked);
  });
  return counted;
}
