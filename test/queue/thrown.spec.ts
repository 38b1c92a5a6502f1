import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Task } from '../../lib/index.js';
import { newKind } from '../support/kinds.js';
import { createQueueApp, type QueueApp, storedTasks } from '../support/queue-app.js';
import { recordEvents } from '../support/queue-events.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';

let database: TestDatabase;
let app: QueueApp;

beforeAll(async () => {
  database = await createTestDatabase();
  app = await createQueueApp({ url: database.url });
});

afterAll(async () => {
  await app.close();
  await database.drop();
});

function refuse(): never {
  throw new Error('hands off');
}

function hostileProxy(): object {
  return new Proxy({}, { get: refuse, has: refuse, getPrototypeOf: refuse, ownKeys: refuse });
}

function revokedProxy(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

function axiosLike(): Error {
  const request: Record<string, unknown> = { method: 'GET' };
  request['response'] = { request, status: 502 };
  return Object.assign(new Error('Request failed with status code 502'), { request, toJSON: refuse });
}

/** What a handler throws, with what is stored of it. */
const THROWN: readonly [title: string, thrown: () => unknown, message: RegExp][] = [
  ['undefined', () => undefined, /^undefined$/],
  ['null', () => null, /^null$/],
  ['an empty text', () => '', /^$/],
  ['a number', () => 42, /^42$/],
  ['a symbol', () => Symbol('token'), /^Symbol\(token\)$/],
  ['a function', () => refuse, /^function refuse/],
  ['a frozen object', () => Object.freeze({ message: 'frozen' }), /^frozen$/],
  ['a proxy that throws at everything', hostileProxy, /^an error that has no text$/],
  ['a revoked proxy', revokedProxy, /^an error that has no text$/],
  [
    'an error whose message throws',
    () => Object.defineProperty(new Error('hidden'), 'message', { get: refuse }),
    /^\{\}$/,
  ],
  [
    'an AggregateError',
    () => new AggregateError([new Error('one'), 'two'], 'several'),
    /^several; one; two$/,
  ],
  [
    'a cycle of causes',
    () => {
      const first: Error & { cause?: unknown } = new Error('first');
      first.cause = new Error('second', { cause: first });
      return first;
    },
    /^first\ncaused by: second$/,
  ],
  ['50 MB', () => new Error('x'.repeat(50 * 1024 * 1024)), /^x{3999}…$/],
  ['NUL and lone surrogates', () => new Error('a\u0000b \ud800 c'), /^a\ufffdb \ufffd c$/],
  ['what looks like an axios error', axiosLike, /^Request failed with status code 502$/],
  ['an object with a BigInt', () => ({ big: 1n }), /^an error that has no text$/],
];

describe('H8, H9: whatever a handler throws', () => {
  it.each(THROWN)('%s: the attempt is recorded, and the task retried', async (_, thrown, message) => {
    const definition = newKind();
    const settled = recordEvents(app.queue);
    app.queue.registerKind(definition, ({ attempt }) => {
      if (attempt === 1) throw thrown();
    });
    await app.queue.pushTask({ kind: definition, payload: 0 });
    const row = await until(async () => {
      const [found] = await storedTasks(app.dataSource, `kind = ${definition.kind} AND status = 'succeeded'`);
      return found;
    });
    expect(row.messages).toEqual([expect.stringMatching(message)]);
    expect(row).toMatchObject({ attempts_elapsed: 2 });
    await until(() => settled.of('attempt-settled').length === 2);
    expect(settled.of('attempt-settled').map(({ as }) => as)).toEqual(['failed', 'succeeded']);
  });

  it('is stored beside the outcomes of others in the same batch', async () => {
    const definition = newKind({ workerCount: 50, maxAttempts: 1 });
    app.queue.registerKind(definition, ({ payload }) => {
      const [, thrown] = THROWN[payload as number] ?? [];
      if (thrown) throw thrown();
    });
    const payloads = Array.from({ length: 50 }, (_, n) => n);
    await app.queue.pushTasks(payloads.map((payload) => ({ kind: definition, payload })));
    const rows = await until(async () => {
      const found = await storedTasks(app.dataSource, `kind = ${definition.kind}`);
      return found.every((row) => row.attempts_elapsed === 1 && !row.lease_id) ? found : undefined;
    });
    const expected = payloads.map((payload) => ({ payload, status: 'succeeded', messages: null as unknown }));
    for (const [payload, [, , message]] of THROWN.entries()) {
      expected[payload] = {
        payload,
        status: 'no_attempts_left',
        messages: [expect.stringMatching(message)],
      };
    }
    expect(rows).toMatchObject(expected);
  });
});

describe('H10: how a handler fails', () => {
  it.each<[string, (task: Task) => unknown]>([
    ['throws at once', refuse],
    ['rejects at once', async () => refuse()],
    [
      'rejects later',
      async () => {
        await new Promise((resolve) => setImmediate(resolve));
        refuse();
      },
    ],
    ['has an aborted signal of its own', () => AbortSignal.abort(new Error('hands off')).throwIfAborted()],
  ])('%s: one failed attempt', async (_, handler) => {
    const definition = newKind({ maxAttempts: 1 });
    app.queue.registerKind(definition, handler);
    await app.queue.pushTask({ kind: definition, payload: 0 });
    const row = await until(async () => {
      const [found] = await storedTasks(
        app.dataSource,
        `kind = ${definition.kind} AND status = 'no_attempts_left'`,
      );
      return found;
    });
    expect(row.messages).toEqual(['hands off']);
  });

  it('leaves its slot free again', async () => {
    const definition = newKind({ maxAttempts: 1, workerCount: 1 });
    let ran = 0;
    app.queue.registerKind(definition, ({ payload }) => {
      ran += 1;
      throw THROWN[payload as number]![1]();
    });
    const tasks = THROWN.map((_, payload) => ({ kind: definition, payload }));
    await app.queue.pushTasks(tasks);
    await until(() => ran === THROWN.length);
    expect(ran).toBe(THROWN.length);
  });
});

describe('H10: a subscriber that throws', () => {
  it('breaks neither the queue nor the other subscribers', async () => {
    const broken = await createQueueApp({ url: database.url });
    broken.queue.subscribe(refuse);
    broken.queue.subscribe(async () => refuse());
    const events = recordEvents(broken.queue);
    const definition = newKind({ maxAttempts: 2 });
    broken.queue.registerKind(definition, ({ attempt }) => {
      if (attempt === 1) refuse();
    });
    await broken.queue.pushTask({ kind: definition, payload: 0, externalKey: 'key' });
    await events.first('attempt-settled', ({ as }) => as === 'succeeded');
    expect(await broken.queue.cancelTaskByKey(definition, 'key')).toBe(false);
    expect(events.of('subscriber-failed').length).toBeGreaterThan(0);
    await broken.close();
    expect(events.of('stopped')).toEqual([{ type: 'stopped', released: 0 }]);
  });
});
