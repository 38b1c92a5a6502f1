import type { EntityManager } from 'typeorm';
import { beforeEach, describe, expect } from 'vitest';
import type { Task } from '../../lib/index.js';
import type { Deferred } from '../support/deferred.js';
import { databasePerFile, deferred, IDLE, newKind, recordEvents, until } from '../support/index.js';
import { startLossyRelay } from '../support/lossy-relay.js';
import { cannotRunOver } from '../support/over.js';
import { createQueueApp } from '../support/queue-app.js';

const { it, database, producer, worker, openApp } = databasePerFile(
  { producer: IDLE },
  { worker: { options: { shutdownTimeout: 100 } } },
);
const { events } = worker;

beforeEach(() => worker.queue.registerKind(other, () => undefined));

describe('outcomes whose rows a transaction of the application holds', () => {
  it.each([
    ['commits', 'cancelled', 'lost'],
    ['rolls back', 'succeeded', 'succeeded'],
  ] as const)('hold up no others; when it %s they are %s', async (end, status, as) => {
    await startHeld();
    await inTransaction(end, async (manager) => {
      for (const key of keys) await producer.queue.cancelTaskByKey(held, key, { manager });
      // One by one, so that they are no batch.
      for (const { resolve } of ends) {
        resolve();
        await expectOthersToBeWritten();
      }
      expect(settledAs()).toEqual([]);
    });
    await until(() => settledAs().length === HELD);
    expect(settledAs()).toEqual(keys.map(() => as));
    expect((await stored()).map((row) => row.status)).toEqual(keys.map(() => status));
  });

  it('do so when a push that replaces met running tasks and left them', async () => {
    await startHeld();
    await inTransaction('commits', async (manager) => {
      const tasks = keys.map((externalKey) => ({ kind: held, payload: 'new', externalKey }));
      const results = await producer.queue.pushTasks(tasks, { manager, onConflict: 'replace' });
      expect(results.map(({ status }) => status)).toEqual(keys.map(() => 'duplicate'));
      ends.forEach(({ resolve }) => resolve());
      await expectOthersToBeWritten();
    });
    await until(() => settledAs().length === HELD);
    expect((await stored()).map(({ status, payload }) => [status, payload])).toEqual(
      keys.map((_, n) => ['succeeded', n]),
    );
  });

  it('do so when handlers complete their tasks in transactions that outlast their time', async () => {
    const [completed, commit] = [keys.map(() => deferred()), deferred()];
    await startHeld({ attemptTimeout: 1000, backoff: () => '1h' }, (task) =>
      worker.dataSource.transaction(async (manager) => {
        await task.completeIn(manager);
        completed[task.payload as number]!.resolve();
        await commit.promise;
      }),
    );
    await Promise.all(completed.map(({ promise }) => promise));
    await until(() => events.of('handler-abandoned').length === HELD);
    await expectOthersToBeWritten();
    commit.resolve();
    ends.forEach(({ resolve }) => resolve());
    await until(() => settledAs().length === HELD);
    expect((await stored()).map(({ status }) => status)).toEqual(keys.map(() => 'succeeded'));
    expect(settledAs()).toEqual(keys.map(() => 'succeeded'));
  });

  it('are no reason to fail a transaction that takes several of them in another order', async () => {
    await startHeld();
    await inTransaction('commits', async (manager) => {
      await producer.queue.cancelTaskByKey(held, keys.at(-1)!, { manager });
      ends.forEach(({ resolve }) => resolve());
      await expectOthersToBeWritten();
      // Were the outcomes of the others and this row's in one statement that waits, this would be a deadlock.
      for (const key of keys.slice(0, -1)) await producer.queue.cancelTaskByKey(held, key, { manager });
    });
    await until(() => settledAs().length === HELD);
    expect((await stored()).at(-1)!.status).toBe('cancelled');
  });

  it('do not hold up a stop, and are given back by the rescue', async () => {
    await startHeld();
    await inTransaction('rolls back', async (manager) => {
      for (const key of keys) await producer.queue.cancelTaskByKey(held, key, { manager });
      ends.forEach(({ resolve }) => resolve());
      await expectOthersToBeWritten();
      const startedAt = performance.now();
      await worker.queue.stop();
      expect(performance.now() - startedAt).toBeLessThan(6000);
    });
    const rescuer = await openApp({
      options: { heartbeatPeriod: 50, leaseTimeout: 150 },
    });
    rescuer.queue.registerKind(newKind(), () => undefined);
    const { count } = await rescuer.recordEvents().first('tasks-rescued');
    expect(count).toBe(HELD);
    await rescuer.close();
  });
});

describe('outcomes that wait behind others', () => {
  it('are not those of a task that was cancelled and re-armed meanwhile, and runs again in this process', async () => {
    await startHeld();
    const runs: unknown[] = [];
    const [first, second] = [deferred(), deferred()];
    const kind = newKind();
    worker.queue.registerKind(kind, async ({ payload, attempt }) => {
      runs.push([payload, attempt]);
      if (attempt === 1) {
        await (payload === 'first' ? first : second).promise;
      }
      if (payload === 'second' && attempt === 1) {
        throw new Error('once more');
      }
    });
    const push = (payload: string) =>
      producer.queue.pushTask({ kind, payload, externalKey: 'key' }, { onConflict: 'replace' });
    await push('first');
    await until(() => runs.length === 1);
    await inTransaction('rolls back', async (manager) => {
      for (const key of keys) await producer.queue.cancelTaskByKey(held, key, { manager });
      // As many statements as are on their way at once.
      for (const [n, { resolve }] of ends.slice(0, 2).entries()) {
        resolve();
        await until(async () => (await waitingForLocks()) === n + 1);
      }
      first.resolve();
      await producer.queue.cancelTaskByKey(kind, 'key');
      await push('second');
      await until(() => runs.length === 2);
    });
    await until(() => settledAs().length === 2);
    second.resolve();
    await until(() => runs.length === 3);
    expect(runs).toEqual([
      ['first', 1],
      ['second', 1],
      ['second', 2],
    ]);
    ends.forEach(({ resolve }) => resolve());
  });
});

describe('an outcome that is written again because its answer was lost', () => {
  it.skipIf(cannotRunOver({ pgbouncer: 'the server is reached by another way' })).each([
    ['succeeds', false, 'succeeded'],
    ['was cancelled before', true, 'lost'],
  ])('is told of as the row says: one that %s', async (_, cancels, as) => {
    const relay = await startLossyRelay(database.url);
    // Nothing tells it of the cancel before its outcome is written.
    const app = await createQueueApp({ url: relay.url, options: { listen: false, autoStart: false } });
    const kind = newKind();
    const told = recordEvents(app.queue);
    app.queue.registerKind(kind, async ({ externalKey }) => {
      if (cancels) {
        await producer.queue.cancelTaskByKey(kind, externalKey!);
      }
    });
    await producer.queue.pushTask({ kind, payload: 0, externalKey: 'key' });
    const lost = relay.lose((message) => message.includes('pgqueue_settle'));
    await app.queue.start();
    await lost;
    expect(await told.first('attempt-settled')).toMatchObject({ as });
    const [task] = await producer.stored(`kind = ${kind.kind}`);
    expect(task).toMatchObject({ status: cancels ? 'cancelled' : 'succeeded' });
    await app.close();
    relay.close();
  });
});

const other = newKind({ workerCount: 10 });

/** More than there are statements on their way at once. */
const HELD = 5;

let ends: Deferred<void>[] = [];
let held = newKind();

const stored = () => producer.stored(`kind = ${held.kind}`);
const keys = Array.from({ length: HELD }, (_, n) => `key ${n}`);

/** Tasks that run until the test ends them, each with a key. */
async function startHeld(options = {}, body: (task: Task<any>) => unknown = () => undefined): Promise<void> {
  held = newKind({ workerCount: HELD, ...options });
  ends = keys.map(() => deferred());
  worker.queue.registerKind(held, async (task) => {
    await body(task);
    await ends[task.payload as number]!.promise;
  });
  await producer.queue.pushTasks(keys.map((externalKey, payload) => ({ kind: held, payload, externalKey })));
  await until(async () => (await stored()).every(({ lease_id }) => lease_id !== null));
}

/** Tasks of another kind, one after the other: each outcome is written before the next task is pushed. */
async function expectOthersToBeWritten(): Promise<void> {
  const written = () => events.of('attempt-settled').filter(({ kind }) => kind === other.kind).length;
  const before = written();
  for (let n = 1; n <= 5; n++) {
    await producer.queue.pushTask({ kind: other, payload: 0 });
    await until(() => written() === before + n, 5000);
  }
}

/** Runs in a transaction that commits, or rolls back, when its last step is done. */
async function inTransaction(end: 'commits' | 'rolls back', work: (manager: EntityManager) => Promise<void>) {
  const runner = producer.dataSource.createQueryRunner();
  await runner.startTransaction();
  try {
    await work(runner.manager);
    await (end === 'commits' ? runner.commitTransaction() : runner.rollbackTransaction());
  } finally {
    await runner.release();
  }
}

const settledAs = () =>
  events.of('attempt-settled').flatMap(({ kind, as }) => (kind === held.kind ? [as] : []));

async function waitingForLocks(): Promise<number> {
  const [row] = await producer.dataSource.query(
    `SELECT count(*)::int AS count FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
  );
  return row.count;
}
