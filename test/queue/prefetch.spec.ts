import { afterEach, beforeEach, expect } from 'vitest';
import type { TaskDefinition } from '../../lib/index.js';
import { databasePerFile, deferred, newKind, perTest, until } from '../support/index.js';
import type { RecordedEvents } from '../support/queue-events.js';
import { type QueueApp, storedTasks } from '../support/queue-app.js';

const { it, openApp } = databasePerFile({});

const longTask = perTest(() => deferred());

beforeEach(() => {
  definition = newKind<number>({ workerCount: 1, terminalTasksTtl: 0 });
  started = [];
});

afterEach(() => longTask.resolve());

it('claims more than a slot can run at once only where tasks are short', async () => {
  const app = await createApp();
  await pushAll(app);
  await app.queue.start();
  await until(() => started.includes(LONG));
  const claims = app.events.of('tasks-claimed').map(({ count }) => count);
  // Nothing is known of the first ones.
  expect(claims.slice(0, 32)).toEqual(Array(32).fill(1));
  expect(Math.max(...claims)).toBeGreaterThan(1);
  await until(async () => (await leased(app)).length === 1);
});

it('gives back what waits behind a long task, as if it had never been claimed, and in its place', async () => {
  const app = await createApp();
  await pushAll(app);
  const before = await stored(app);
  await app.queue.start();
  await until(() => started.includes(LONG));
  await until(async () => (await leased(app)).length === 1);
  const behind = (await stored(app)).slice(1);
  const unchanged = ['id', 'status', 'attempts_left', 'attempts_elapsed', 'run_at', 'messages'];
  const pick = (task: object) =>
    Object.fromEntries(Object.entries(task).filter(([name]) => unchanged.includes(name)));
  expect(behind.map(pick)).toEqual(before.slice(LONG + 1).map(pick));
  longTask.resolve();
  await until(async () => (await stored(app)).length === 0);
  expect(started).toEqual(numbers(0, SHORT + 1 + BEHIND));
});

it('leaves them to another process, which finds them at once', async () => {
  const [first, second] = [await createApp(), await createApp()];
  await pushAll(first);
  await first.queue.start();
  await until(() => started.includes(LONG));
  await second.queue.start();
  await until(async () => (await stored(first)).length === 1);
  expect(started.toSorted((a, b) => a - b)).toEqual(numbers(0, SHORT + 1 + BEHIND));
});

it('gives them back at a stop', async () => {
  const app = await createApp();
  await pushAll(app);
  await app.queue.start();
  await until(() => started.includes(LONG));
  await app.queue.stop();
  const tasks = await stored(app);
  expect(tasks).toHaveLength(1 + BEHIND);
  expect(
    tasks.slice(1).every(({ status, attempts_elapsed }) => status === 'new' && attempts_elapsed === 0),
  ).toBe(true);
  expect(await leased(app)).toEqual([]);
});

/** So many short tasks in a row, and some more, make a slot claim ahead. */
const SHORT = 300;
/** Claimed ahead of the long task's end, or not, as the last claim happens to fall. */
const BEHIND = 100;
const LONG = SHORT;

let definition: TaskDefinition<number>;
/** What started, in order. */
let started: number[];

async function createApp(): Promise<QueueApp & { events: RecordedEvents }> {
  const app = await openApp({ options: { autoStart: false, shutdownTimeout: 0 } });
  const events = app.recordEvents();
  app.queue.registerKind(definition, async ({ payload, attempt }) => {
    expect(attempt).toBe(1);
    started.push(payload);
    if (payload === LONG) {
      await longTask.promise;
    }
  });
  return { ...app, events };
}

/** In the order of the keys, which is that of the rows. */
const keyOf = (n: number) => String(n).padStart(4, '0');

/** Short ones, a long one, and as many behind it as are claimed ahead of a slot. */
async function pushAll(app: QueueApp): Promise<void> {
  const count = SHORT + 1 + BEHIND;
  await app.queue.pushTasks(
    Array.from({ length: count }, (_, n) => ({
      kind: definition,
      payload: n,
      externalKey: keyOf(n),
    })),
  );
}

const stored = (app: QueueApp) => storedTasks(app.dataSource, `kind = ${definition.kind}`);
const leased = async (app: QueueApp) => (await stored(app)).filter(({ lease_id }) => lease_id !== null);
const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => from + n);
