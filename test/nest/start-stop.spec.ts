import { Injectable } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { defineTask, noJitter, type Task, TaskHandler } from '../../lib/index.js';
import { Proxy } from '../faults/support/proxy.mjs';
import { deferred, type RecordedEvents, recordEvents, until } from '../support/index.js';
import { cannotRunOver } from '../support/over.js';
import { createQueueApp, type QueueApp } from '../support/queue-app.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

describe('H32: start and stop', () => {
  let database: TestDatabase;
  let app: QueueApp;
  let events: RecordedEvents;

  beforeEach(async () => {
    database = await createTestDatabase();
    app = await createQueueApp({ url: database.url, providers: [Counter], options: { autoStart: false } });
    events = recordEvents(app.queue);
  });

  afterEach(async () => {
    await app.close();
    await database.drop();
  });

  const push = (payload: number) => app.queue.pushTask({ kind: COUNT, payload });
  const ran = () => app.get(Counter).ran;
  const leases = () => app.dataSource.query('SELECT id FROM pgqueue_lease');

  /** One worker process and no more works: it has one lease, and a task runs once. */
  async function works(payload: number): Promise<void> {
    await push(payload);
    await until(() => ran().includes(payload));
    await until(async () => (await leases()).length === 1);
    expect(ran().filter((other) => other === payload)).toHaveLength(1);
  }

  it('H50: waits for start() when autoStart is false', async () => {
    await push(1);
    expect(await leases()).toEqual([]);
    expect(ran()).toEqual([]);
    await app.queue.start();
    await until(() => ran().length === 1);
    await works(2);
    expect(ran()).toEqual([1, 2]);
  });

  it('starts no second handler of a task beside one that outlived the stop', async () => {
    const definition = defineTask({ kind: 2, name: 'stubborn', attemptTimeout: '1m', backoff: noJitter(0) });
    const end = deferred();
    let starts = 0;
    await app.close();
    app = await createQueueApp({ url: database.url, options: { autoStart: false, shutdownTimeout: 0 } });
    app.queue.registerKind(definition, async () => {
      starts++;
      await end.promise;
    });
    events = recordEvents(app.queue);
    await app.queue.start();
    await app.queue.pushTask({ kind: definition, payload: 0 });
    await until(() => starts === 1);
    await app.queue.stop();
    await app.queue.start();
    // It is claimed again, and put off as long as the first one runs.
    await events.first('attempt-settled', ({ as }) => as === 'snoozed');
    expect(starts).toBe(1);
    end.resolve();
    await until(() => starts === 2);
  });

  it('starts once when it is started twice, also at once', async () => {
    await Promise.all([app.queue.start(), app.queue.start()]);
    await app.queue.start();
    await works(1);
    expect(events.of('started')).toHaveLength(1);
    expect(events.of('lease-acquired')).toHaveLength(1);
  });

  it('does nothing when it is stopped before it was started, and starts later', async () => {
    await Promise.all([app.queue.stop(), app.queue.stop()]);
    expect(events.of('stopped')).toEqual([]);
    await app.queue.start();
    await works(1);
  });

  it('stops once when it is stopped twice, also at once', async () => {
    await app.queue.start();
    await works(1);
    await Promise.all([app.queue.stop(), app.queue.stop()]);
    await app.queue.stop();
    expect(events.of('stopped')).toEqual([{ type: 'stopped', released: 0 }]);
    expect(await leases()).toEqual([]);
  });

  it('goes on pushing while it is stopped, and runs what was pushed when it is started again', async () => {
    await app.queue.start();
    await works(1);
    await app.queue.stop();
    await push(2);
    expect(await leases()).toEqual([]);
    await app.queue.start();
    await until(() => ran().includes(2));
    await works(3);
    expect(ran()).toEqual([1, 2, 3]);
    expect(events.of('lease-acquired')).toHaveLength(2);
  });

  it.skipIf(cannotRunOver({ pgbouncer: 'connections to the server are those of the pooler' }))(
    'ends as the last of many calls says, whichever are made at once',
    async () => {
      const { queue } = app;
      await Promise.all([queue.start(), queue.stop(), queue.start(), queue.stop(), queue.start()]);
      await works(1);
      await Promise.all([queue.stop(), queue.start(), queue.stop()]);
      expect(await leases()).toEqual([]);
      // The server takes a moment to see that a connection was closed.
      expect(await until(async () => ((await connections()) === 1 ? 1 : undefined))).toBe(1);
    },
  );

  it('starts later after a start that failed, and says why it did', async () => {
    await app.dataSource.query('ALTER TABLE pgqueue RENAME TO pgqueue_hidden');
    await expect(app.queue.start()).rejects.toMatchObject({ code: 'PGQUEUE_SCHEMA_MISMATCH' });
    await expect(app.queue.start()).rejects.toThrow("the queue's tables are missing");
    expect(events.of('started')).toEqual([]);
    await app.dataSource.query('ALTER TABLE pgqueue_hidden RENAME TO pgqueue');
    await app.queue.start();
    await works(1);
  });

  it.skipIf(cannotRunOver({ shards: 'a start waits for no shard as long as another one answers' }))(
    'is not held up by a server that says nothing: a stop waits for one look at it, and the start fails',
    async () => {
      const proxy = await Proxy.start(Number(new URL(database.url).port));
      const silent = await createQueueApp({
        url: proxy.through(database.url),
        providers: [Counter],
        options: { autoStart: false },
      });
      proxy.blackhole();
      const startedAt = performance.now();
      const [started] = await Promise.allSettled([silent.queue.start(), silent.queue.stop()]);
      expect(started).toMatchObject({ status: 'rejected', reason: { code: 'PGQUEUE_NO_ANSWER' } });
      expect(performance.now() - startedAt).toBeLessThan(10_000);
      proxy.heal();
      await silent.queue.start();
      await push(1);
      await until(() => silent.get(Counter).ran.length === 1);
      await silent.close();
      await proxy.close();
    },
  );

  it('runs a kind that is registered while it processes', async () => {
    await app.queue.start();
    await works(1);
    const seen: unknown[] = [];
    const late = defineTask<string>({ kind: 2, attemptTimeout: '1s', backoff: noJitter('1s') });
    await app.queue.pushTask({ kind: late, payload: 'earlier' });
    app.queue.registerKind(late, ({ payload }) => seen.push(payload));
    await until(() => seen.length === 1);
    await app.queue.pushTask({ kind: late, payload: 'later' });
    await until(() => seen.length === 2);
    expect(seen).toEqual(['earlier', 'later']);
    expect(await leases()).toHaveLength(1);
  });

  it('can not be started any more when the application has shut down', async () => {
    await app.queue.start();
    await works(1);
    await app.close();
    await expect(app.queue.start()).rejects.toMatchObject({ code: 'PGQUEUE_SHUTDOWN' });
  });

  /** Those to this test's database, the application's own included. */
  async function connections(): Promise<number> {
    const rows = await app.dataSource.query(
      'SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database()',
    );
    return rows[0].count;
  }
});

const COUNT = defineTask<number>({
  kind: 1,
  name: 'count',
  attemptTimeout: '10s',
  backoff: noJitter('1s'),
  terminalTasksTtl: '1h',
});

@Injectable()
class Counter {
  readonly ran: number[] = [];

  @TaskHandler(COUNT)
  count({ payload }: Task<number>) {
    this.ran.push(payload);
  }
}
