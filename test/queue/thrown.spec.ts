import { describe, expect } from 'vitest';
import type { Task } from '../../lib/index.js';
import { databasePerFile, newKind, until } from '../support/index.js';
import { storedTasks } from '../support/queue-app.js';
import { refuse, THROWN } from './thrown-values.js';

const { it, app, openApp } = databasePerFile({ app: {} });

describe('H8, H9: whatever a handler throws', () => {
  it.each(THROWN)('%s: the attempt is recorded, and the task retried', async (_, thrown, message) => {
    const definition = newKind();
    const settled = app.recordEvents();
    app.queue.registerKind(definition, ({ attempt }) => {
      if (attempt === 1) throw thrown();
    });
    await app.queue.pushTask({ kind: definition, payload: 0 });
    const row = await until(async () => {
      const [found] = await app.stored(`kind = ${definition.kind} AND status = 'succeeded'`);
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
      const found = await app.stored(`kind = ${definition.kind}`);
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
    const broken = await openApp();
    broken.queue.subscribe(refuse);
    broken.queue.subscribe(async () => refuse());
    const events = broken.recordEvents();
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
