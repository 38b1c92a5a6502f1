import { AsyncLocalStorage } from 'node:async_hooks';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { QueueEvent } from '../../lib/index.js';
import { deferred, newKind, recordEvents, until } from '../support/index.js';
import { createQueueApp, type QueueApp } from '../support/queue-app.js';
import { untilListening } from '../support/queue-events.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

describe('background work', () => {
  let database: TestDatabase;
  let app: QueueApp;
  /** In which request's context statements are sent and sockets opened. */
  const seen: { statement: string; request: string | undefined }[] = [];
  const { connect, query } = pg.Client.prototype;

  beforeEach(async () => {
    database = await createTestDatabase();
    seen.length = 0;
    pg.Client.prototype.query = function (this: pg.Client, ...args: any[]) {
      const statement = String(args[0]?.text ?? args[0]);
      seen.push({ statement, request: requests.getStore() });
      return query.apply(this, args as never) as never;
    } as never;
    pg.Client.prototype.connect = function (this: pg.Client, ...args: any[]) {
      seen.push({ statement: 'connect', request: requests.getStore() });
      return connect.apply(this, args as never) as never;
    } as never;
    app = await requests.run('boot', () =>
      createQueueApp({ url: database.url, options: { autoStart: false } }),
    );
  });

  afterEach(async () => {
    await app.close();
    pg.Client.prototype.query = query;
    pg.Client.prototype.connect = connect;
    await database.drop();
  });

  const statementsOf = (request: string) => seen.filter((each) => each.request === request);

  /** Starts processing; until claims, a heartbeat and outcomes have been sent. */
  async function processes(definition: ReturnType<typeof newKind>): Promise<void> {
    const events = recordEvents(app.queue);
    await until(() => seen.some(({ statement }) => statement.includes('heartbeat_at')));
    const { id } = await app.queue.pushTask({ kind: definition, payload: null });
    await events.first('attempt-settled', (event) => event.id === id);
  }

  it('carries nothing of the request that called start(), and its handlers neither', async () => {
    const definition = newKind();
    const within = deferred<string | undefined>();
    app.queue.registerKind(definition, () => within.resolve(requests.getStore()));
    await requests.run('starter', () => app.queue.start());
    await processes(definition);
    expect(await within.promise).toBeUndefined();
    expect(statementsOf('starter')).toEqual([]);
  });

  it('carries nothing of the request that registered a kind late', async () => {
    const definition = newKind();
    const within = deferred<string | undefined>();
    await app.queue.start();
    requests.run('registrar', () =>
      app.queue.registerKind(definition, () => within.resolve(requests.getStore())),
    );
    await processes(definition);
    expect(await within.promise).toBeUndefined();
    expect(statementsOf('registrar')).toEqual([]);
  });

  it('carries nothing of the request that stopped it', async () => {
    const definition = newKind();
    app.queue.registerKind(definition, () => undefined);
    await app.queue.start();
    await processes(definition);
    await requests.run('stopper', () => app.queue.stop());
    expect(statementsOf('stopper')).toEqual([]);
  });

  it('tells subscribers of it in no request, whoever subscribed', async () => {
    const definition = newKind();
    const told = deferred<string | undefined>();
    app.queue.registerKind(definition, () => undefined);
    requests.run('subscriber', () =>
      app.queue.subscribe((event: QueueEvent) => {
        if (event.type === 'attempt-settled') told.resolve(requests.getStore());
      }),
    );
    await requests.run('starter', () => app.queue.start());
    const events = recordEvents(app.queue);
    await untilListening(events);
    await requests.run('pusher', () => app.queue.pushTask({ kind: definition, payload: null }));
    expect(await told.promise).toBeUndefined();
  });

  it('stores pushes that gathered by statements of none of their requests', async () => {
    const definition = newKind();
    app.queue.registerKind(definition, () => undefined);
    const push = (n: number) =>
      requests.run(`request ${n}`, () => app.queue.pushTask({ kind: definition, payload: n }));
    await Promise.all(Array.from({ length: 100 }, (_, n) => push(n)));
    const stored = seen.filter(
      ({ statement, request }) => statement.includes('INSERT INTO') && request !== 'boot',
    );
    // The first were on their way at once, each by itself and in its own request.
    const lone = stored.filter(({ request }) => request !== undefined);
    expect(lone.map(({ request }) => request).toSorted()).toEqual(lone.map((_, n) => `request ${n}`));
    expect(lone.length).toBeLessThanOrEqual(4);
    expect(stored.length).toBeGreaterThan(lone.length);
  });

  it('keeps what a handler enters for itself from other handlers and from the queue', async () => {
    const definition = newKind({ workerCount: 5 });
    const found: (string | undefined)[] = [];
    app.queue.registerKind(definition, ({ payload }) => {
      found.push(requests.getStore());
      requests.enterWith(`entered by ${payload}`);
    });
    await app.queue.pushTasks([1, 2, 3, 4, 5].map((payload) => ({ kind: definition, payload })));
    await app.queue.start();
    await processes(definition);
    await until(() => found.length === 6);
    expect(found).toEqual(Array.from({ length: 6 }, () => undefined));
    expect(seen.filter(({ request }) => request?.startsWith('entered'))).toEqual([]);
  });
});

/** What an application keeps for each request. */
const requests = new AsyncLocalStorage<string>();
