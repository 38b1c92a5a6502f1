import type { Worker } from 'node:worker_threads';
import { afterEach, expect } from 'vitest';
import { CountPrimes, PrimeCounter } from '../../docs/examples/threads.js';
import { TaskCancelledError } from '../../lib/index.js';
import { databasePerTest, type RecordedEvents, recordEvents, until } from '../support/index.js';
import { type QueueApp, storedTasks } from '../support/queue-app.js';

/** So many that it would take years. */
const ENDLESS = Number.MAX_SAFE_INTEGER;

const { it, openApp } = databasePerTest({});

let app: QueueApp;
let events: RecordedEvents;

afterEach(() => app.close());

it('computes while this thread goes on', async () => {
  const counter = await start('30s');
  await push(3_000_000);
  let turns = 0;
  const turning = setInterval(() => turns++, 1);
  await until(() => counter.counted.size === 1, 20_000);
  clearInterval(turning);
  expect(counter.counted).toEqual(new Map([[3_000_000, 216_816]]));
  expect(turns).toBeGreaterThan(20);
});

it('ends a computation whose time is over, and has the slot for others', async () => {
  const counter = await start('500ms');
  const threads = await compute(counter);
  await events.first('attempt-settled', ({ as }) => as === 'failed');
  await expectEnded(counter, threads);
  expect(events.of('handler-abandoned')).toEqual([]);
  expect(await storedTasks(app.dataSource)).toMatchObject([
    { status: 'must_retry', messages: ['timed out after 500 ms'] },
  ]);
  await Promise.all([push(100), push(1000)]);
  await until(() => counter.counted.size === 2);
  expect([...counter.counted.values()].toSorted((a, b) => a - b)).toEqual([25, 168]);
});

it('ends a computation whose task is cancelled', async () => {
  const counter = await start('30s');
  const threads = await compute(counter, 'key');
  expect(await app.queue.cancelTaskByKey(CountPrimes, 'key')).toBe(true);
  const { as, error } = await events.first('attempt-settled');
  expect(as).toBe('lost');
  expect(error).toBeInstanceOf(TaskCancelledError);
  await expectEnded(counter, threads);
});

it('ends a computation at shutdown, and gives its task back', async () => {
  const counter = await start('30s');
  const threads = await compute(counter);
  await app.queue.stop();
  expect(await storedTasks(app.dataSource)).toMatchObject([
    { status: 'must_retry', lease_id: null, attempts_elapsed: 0 },
  ]);
  await expectEnded(counter, threads);
});

async function start(attemptTimeout: string): Promise<PrimeCounter> {
  app = await openApp({
    providers: [PrimeCounter],
    options: { kinds: { [CountPrimes.kind]: { attemptTimeout } }, shutdownTimeout: 100 },
  });
  events = recordEvents(app.queue);
  return app.get(PrimeCounter);
}

const push = (below: number, externalKey?: string) =>
  app.queue.pushTask({ kind: CountPrimes, payload: { below }, externalKey: externalKey ?? null });

/** Pushes a task that computes for ever, and waits until a thread does so. @returns the threads that there are then */
async function compute(counter: PrimeCounter, externalKey?: string) {
  const pool = counter['threads'];
  await until(() => pool.idleThreads === pool.threads.length);
  await push(ENDLESS, externalKey);
  await until(() => pool.idleThreads < pool.threads.length);
  return pool.threads;
}

/** None of the threads of the pool is busy, and those that left it have ended. */
async function expectEnded(counter: PrimeCounter, before: readonly Worker[]): Promise<void> {
  const pool = counter['threads'];
  await until(() => pool.idleThreads === pool.threads.length);
  const left = before.filter((thread) => !pool.threads.includes(thread));
  expect(left).not.toHaveLength(0);
  // What a thread's id is once it has ended.
  await until(() => left.every(({ threadId }) => threadId === -1));
}
