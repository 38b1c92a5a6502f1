import { expect } from 'vitest';
import { noJitter } from '../../lib/index.js';
import { cutOff } from '../support/cut-off.js';
import { databasePerTest, deferred, newKind, until } from '../support/index.js';
import { cannotRunOver, LISTENS, NEEDS_LISTEN } from '../support/over.js';
import { untilListening } from '../support/queue-events.js';

const { it, database, app } = databasePerTest({
  app: { options: { autoStart: false, shutdownTimeout: 50 } },
});
const { events } = app;

it('tell how long each claimed task had been due, by the database', async () => {
  const definition = newKind({ workerCount: 2 });
  app.queue.registerKind(definition, () => undefined);
  await app.queue.pushTask({ kind: definition, payload: null }, { priority: 0 });
  await app.queue.pushTask({ kind: definition, payload: null });
  await app.dataSource.query(
    `UPDATE pgqueue SET run_at = clock_timestamp() - interval '1 hour' WHERE priority = 0`,
  );
  await app.queue.start();
  // By one claim, or by two where another shard looks for tasks at that moment.
  const claims = () => events.of('tasks-claimed');
  const waitsMs = await until(() => {
    const waits = claims().flatMap((claim) => claim.waitsMs);
    return waits.length === 2 && waits;
  });
  expect(claims().every((claim) => claim.count === claim.waitsMs.length)).toBe(true);
  expect(waitsMs[0]).toBeGreaterThanOrEqual(3_600_000);
  expect(waitsMs[0]).toBeLessThan(3_660_000);
  expect(waitsMs[1]).toBeGreaterThan(0);
  expect(waitsMs[1]).toBeLessThan(60_000);
});

it('tell when a live worker count changes, and the slots follow', async () => {
  let workers = 2;
  const definition = newKind({ workerCount: () => workers });
  const { kind, name } = definition;
  app.queue.registerKind(definition, () => undefined);
  expect(app.queue.slots()).toEqual([]);
  await app.queue.start();
  expect(app.queue.slots()).toEqual([{ kind, name, slots: 2, busy: 0 }]);
  workers = 5;
  expect(await events.first('slots-resized')).toEqual({ type: 'slots-resized', kind, name, from: 2, to: 5 });
  expect(app.queue.slots()).toEqual([{ kind, name, slots: 5, busy: 0 }]);
  workers = 0;
  await events.first('slots-resized', ({ from, to }) => from === 5 && to === 0);
  expect(events.of('slots-resized')).toHaveLength(2);
});

it('tell when bodies outlive their attempts, and when these end at last', async () => {
  const bodies = deferred();
  const definition = newKind({ attemptTimeout: 50, backoff: noJitter('1h'), workerCount: 3 });
  const { kind, name } = definition;
  app.queue.registerKind(definition, ({ payload, signal }) =>
    payload === 'heeds'
      ? new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
      : bodies.promise,
  );
  const pushed = await app.queue.pushTasks(
    ['goes on', 'heeds', 'goes on'].map((payload) => ({ kind: definition, payload })),
  );
  await app.queue.start();
  await until(() => events.of('attempt-settled').length === 3);
  const outliving = [pushed[0]!.id, pushed[2]!.id];
  await until(() => events.of('handler-abandoned').length === 2);
  expect(events.of('handler-abandoned').map(({ id, abandoned }) => [id, abandoned])).toEqual([
    [outliving[0], 1],
    [outliving[1], 2],
  ]);
  expect(events.of('abandoned-handler-ended')).toEqual([]);
  bodies.resolve();
  await until(() => events.of('abandoned-handler-ended').length === 2);
  expect(events.of('abandoned-handler-ended')).toEqual(
    outliving.map((id, place) => ({
      type: 'abandoned-handler-ended',
      shard: 'default',
      kind,
      name,
      id,
      attempt: 1,
      abandoned: 1 - place,
    })),
  );
});

it('tell what was retried, and nothing when there was nothing', async () => {
  const definition = newKind({ maxAttempts: 1 });
  app.queue.registerKind(definition, ({ attempt }) => {
    if (attempt === 1) throw new Error('broken');
  });
  expect(await app.queue.retryTasks(definition)).toBe(0);
  await app.queue.pushTask({ kind: definition, payload: null });
  await app.queue.start();
  await events.first('attempt-settled', ({ exhausted }) => exhausted);
  await app.queue.retryTasks(definition);
  const { kind, name } = definition;
  expect(events.of('tasks-retried')).toEqual([
    { type: 'tasks-retried', shard: 'default', kind, name, count: 1 },
  ]);
});

it.skipIf(cannotRunOver(NEEDS_LISTEN))('tell of wake-ups', async () => {
  const definition = newKind();
  app.queue.registerKind(definition, () => undefined);
  await app.queue.start();
  await events.first('listening');
  expect(events.of('woken')).toEqual([]);
  await app.queue.pushTask({ kind: definition, payload: null });
  await events.first('woken');
});

it('tell of connections that fail, and of each that works again', async () => {
  const started = deferred();
  const body = deferred();
  const definition = newKind({ workerCount: 2 });
  app.queue.registerKind(definition, () => {
    started.resolve();
    return body.promise;
  });
  await app.queue.pushTask({ kind: definition, payload: null });
  await app.queue.start();
  await started.promise;
  await untilListening(events);
  const restore = await cutOff(database);
  body.resolve();
  const roles = ['claim', 'settle', 'heartbeat', ...(LISTENS ? ['listen' as const] : [])] as const;
  for (const role of roles) {
    // A pooler keeps statements waiting, until the queue gives them up.
    await events.first('connection-failed', (event) => event.role === role, 15_000);
  }
  expect(events.of('connection-restored')).toEqual([]);
  await restore();
  for (const role of roles) {
    await events.first('connection-restored', (event) => event.role === role);
  }
  expect(await events.first('attempt-settled')).toMatchObject({ as: 'succeeded' });
});

it('tell why processing could not be started', async () => {
  await app.dataSource.query('DROP TABLE pgqueue');
  await expect(app.queue.start()).rejects.toThrow("the queue's tables are missing");
  expect(events.of('start-failed')).toMatchObject([{ error: { name: 'SchemaMismatchError' } }]);
  expect(events.of('started')).toEqual([]);
});
