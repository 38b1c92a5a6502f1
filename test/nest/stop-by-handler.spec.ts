import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PgQueueModuleOptions, QueueEvent, Task } from '../../lib/index.js';
import { compileApps } from '../support/child-app.js';
import { deferred, newKind, type RecordedEvents, recordEvents, until } from '../support/index.js';
import { createQueueApp, type QueueApp } from '../support/queue-app.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

describe('a stop that a handler calls for', () => {
  let database: TestDatabase;
  let app: QueueApp;
  let events: RecordedEvents;

  beforeEach(async () => {
    database = await createTestDatabase();
  });

  afterEach(async () => {
    await app?.close();
    await database.drop();
  });

  async function start(options: PgQueueModuleOptions = SHUTDOWN): Promise<void> {
    app = await createQueueApp({ url: database.url, options });
    events = recordEvents(app.queue);
  }

  /** Pushes one task of a kind of its own. */
  async function run(handler: (task: Task) => unknown): Promise<string> {
    const definition = newKind({ terminalTasksTtl: '1h', maxAttempts: 3, attemptTimeout: '90s' });
    app.queue.registerKind(definition, handler);
    const { id } = await app.queue.pushTask({ kind: definition, payload: null });
    return id!;
  }

  const settled = (id: string) => events.first('attempt-settled', (event) => event.id === id);

  async function rows() {
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    const tasks = await client.query(
      'SELECT status::text, attempts_elapsed, lease_id FROM pgqueue ORDER BY id',
    );
    const leases = await client.query('SELECT id FROM pgqueue_lease');
    await client.end();
    return { tasks: tasks.rows, leases: leases.rows };
  }

  const DONE = { status: 'succeeded', attempts_elapsed: 1, lease_id: null };

  it.each([
    ['queue.stop()', () => app.queue.stop()],
    ['app.close()', () => app.app.close()],
  ])('does not wait for the handler that awaits %s, whose outcome is stored', async (_, stop) => {
    await start();
    const startedAt = performance.now();
    const id = await run(() => stop());
    expect(await settled(id)).toMatchObject({ as: 'succeeded' });
    await events.first('stopped');
    expect(performance.now() - startedAt).toBeLessThan(5000);
    expect(events.of('stopped')).toEqual([{ type: 'stopped', released: 0 }]);
    expect(await rows()).toEqual({ tasks: [DONE], leases: [] });
  });

  it('does not wait for two handlers that both await it', async () => {
    await start();
    const both = deferred();
    let begun = 0;
    const stop = async () => {
      if (++begun === 2) both.resolve();
      await both.promise;
      await app.queue.stop();
    };
    const ids = [await run(stop), await run(stop)];
    for (const id of ids) expect(await settled(id)).toMatchObject({ as: 'succeeded' });
    await events.first('stopped');
    expect(await rows()).toEqual({ tasks: [DONE, DONE], leases: [] });
  });

  it('waits for the other handlers first', async () => {
    await start();
    const gate = deferred();
    const begun = deferred();
    const other = await run(async () => {
      begun.resolve();
      await gate.promise;
    });
    await begun.promise;
    let answered = false;
    const id = await run(async () => {
      await app.queue.stop();
      answered = true;
    });
    await until(async () => (await rows()).tasks.every(({ lease_id }) => lease_id !== null));
    await app.dataSource.query('SELECT pg_sleep(0.3)');
    expect(answered).toBe(false);
    gate.resolve();
    expect(await settled(other)).toMatchObject({ as: 'succeeded' });
    expect(await settled(id)).toMatchObject({ as: 'succeeded' });
  });

  it('gives back what does not end in time, but not the handler that waits for that', async () => {
    await start({ shutdownTimeout: '300ms' });
    const begun = deferred();
    const other = await run(() => {
      begun.resolve();
      return new Promise(() => undefined);
    });
    await begun.promise;
    const id = await run(() => app.queue.stop());
    expect(await settled(id)).toMatchObject({ as: 'succeeded' });
    expect(await settled(other)).toMatchObject({ as: 'released' });
    expect(await events.first('stopped')).toEqual({ type: 'stopped', released: 1 });
  });

  it('waits for a handler that calls for it and goes on', async () => {
    await start();
    let stopped: Promise<void> | undefined;
    const gate = deferred();
    const id = await run(async () => {
      stopped = app.queue.stop();
      await gate.promise;
    });
    await until(() => stopped !== undefined);
    await stopped;
    expect(events.of('stopped')).toEqual([]);
    gate.resolve();
    expect(await settled(id)).toMatchObject({ as: 'succeeded' });
    await events.first('stopped');
  });

  it('has ended, outcome and all, when a handler that does not wait for it is answered', async () => {
    await start();
    const left = deferred<QueueEvent['type'][]>();
    const heard: QueueEvent['type'][] = [];
    app.queue.subscribe(({ type }) => heard.push(type));
    await run(() => void app.queue.stop().then(() => left.resolve([...heard])));
    expect(await left.promise).toEqual(expect.arrayContaining(['attempt-settled', 'stopped']));
    expect((await rows()).tasks).toEqual([DONE]);
  });

  it('is an ordinary one where it comes from what outlived a handler', async () => {
    await start();
    const gate = deferred();
    const left = deferred<boolean>();
    const id = await run(() => {
      void gate.promise
        .then(() => app.queue.stop())
        .then(() => left.resolve(events.of('stopped').length === 1));
    });
    await settled(id);
    gate.resolve();
    expect(await left.promise).toBe(true);
  });

  it('is an ordinary one for the handler of another application', async () => {
    await start();
    const other = await createQueueApp({ url: database.url, options: { ...SHUTDOWN, autoStart: false } });
    const ended = recordEvents(other.queue);
    await other.queue.start();
    const seen = deferred<number>();
    await run(async () => {
      await other.queue.stop();
      seen.resolve(ended.of('stopped').length);
    });
    expect(await seen.promise).toBe(1);
    await other.close();
  });

  it('may be followed by a start in the same handler', async () => {
    await start();
    const id = await run(async () => {
      await app.queue.stop();
      await app.queue.start();
    });
    expect(await settled(id)).toMatchObject({ as: 'succeeded' });
    await until(() => events.of('started').length === 1);
    const next = await run(() => undefined);
    expect(await settled(next)).toMatchObject({ as: 'succeeded' });
  });

  it('lets a process of one task end by itself', { timeout: 60_000 }, async () => {
    const apps = await compileApps('test/nest/one-shot-app.ts');
    try {
      const { ended, output } = apps.start('test/nest/one-shot-app.ts', { DATABASE: database.url });
      expect(await ended).toBe(0);
      expect(output()).toBe('closed\n');
      expect(await rows()).toEqual({ tasks: [DONE], leases: [] });
    } finally {
      await apps.close();
    }
  });
});

/** Far longer than any of these stops may take. */
const SHUTDOWN: PgQueueModuleOptions = { shutdownTimeout: '60s' };
