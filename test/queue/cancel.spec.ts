import { afterEach, beforeEach, describe, expect } from 'vitest';
import { TaskCancelledError, type TransactionOptions } from '../../lib/index.js';
import type { OpenApp } from '../support/fixtures.js';
import { databasePerFile, deferred, IDLE, newKind, rejectionOf, until } from '../support/index.js';

const { it, producer, openApp } = databasePerFile({ producer: IDLE });

let definition = newKind();

beforeEach(() => {
  definition = newKind();
});

describe('cancelTaskByKey', () => {
  it('cancels a task that waits, so that it never runs, and says so', async () => {
    const events = producer.recordEvents();
    await push({ delay: '1h' });
    expect(await cancel()).toBe(true);
    expect(await stored()).toMatchObject([
      { status: 'cancelled', lease_id: null, finished_at: expect.anything() },
    ]);
    expect(events.of('task-cancelled')).toEqual([
      { type: 'task-cancelled', shard: 'default', kind: definition.kind, name: definition.name },
    ]);
  });

  it('finds nothing to cancel for another key or kind, or a second time', async () => {
    await push({ delay: '1h' });
    const events = producer.recordEvents();
    expect(await producer.queue.cancelTaskByKey(definition, 'other')).toBe(false);
    expect(await producer.queue.cancelTaskByKey(newKind(), KEY)).toBe(false);
    expect(events.of('task-cancelled')).toEqual([]);
    expect(await cancel()).toBe(true);
    expect(await cancel()).toBe(false);
  });

  it('leaves the key taken', async () => {
    const { id } = await push({ delay: '1h' });
    await cancel();
    expect(await push()).toEqual({ id, status: 'duplicate' });
  });

  it('by many at once is true for one', async () => {
    await push({ delay: '1h' });
    const results = await Promise.all(Array.from({ length: 20 }, () => cancel()));
    expect(results.filter(Boolean)).toHaveLength(1);
  });
});

describe.each([
  ['that listens', { listen: true }],
  ['that only polls', { listen: false, heartbeatPeriod: 100 }],
])('a cancel while the task runs in another process, one %s', (_, options) => {
  let worker: OpenApp;
  let events: ReturnType<OpenApp['recordEvents']>;
  const started = { signal: deferred<AbortSignal>(), end: deferred() };
  let attempts = 0;

  beforeEach(async () => {
    worker = await openApp({ options: { ...options, shutdownTimeout: 100 } });
    events = worker.recordEvents();
    attempts = 0;
    started.signal = deferred();
    started.end = deferred();
    definition = newKind({ loop: { fetcherPeriod: 50 } });
    worker.queue.registerKind(definition, async ({ signal }) => {
      attempts += 1;
      started.signal.resolve(signal);
      await started.end.promise;
      signal.throwIfAborted();
    });
    if (options.listen) await events.first('listening');
    await push();
  });

  afterEach(async () => {
    started.end.resolve();
    await worker.close();
  });

  /** It has heard what was notified, and has asked about attempts that are as old as those it asks about. */
  async function workerHasLooked(): Promise<void> {
    const other = newKind();
    worker.queue.registerKind(other, () => undefined);
    await producer.queue.pushTask({ kind: other, payload: 0 });
    await events.first('attempt-settled', ({ kind }) => kind === other.kind);
    await until(async () => {
      const [{ looked }] = await producer.dataSource.query(
        `SELECT max(l.heartbeat_at) > max(t.run_at) + interval '1.5 s' AS looked
         FROM pgqueue_lease l, pgqueue t WHERE t.kind = $1`,
        [definition.kind],
      );
      return looked;
    });
  }

  it('H5: aborts its signal with TaskCancelledError, and discards its outcome', async () => {
    const signal = await started.signal.promise;
    expect(signal.aborted).toBe(false);
    expect(await cancel()).toBe(true);
    await until(() => signal.aborted);
    expect(signal.reason).toBeInstanceOf(TaskCancelledError);
    expect(signal.reason).toMatchObject({ code: 'PGQUEUE_TASK_CANCELLED' });
    started.end.resolve();
    const { as } = await events.first('attempt-settled');
    expect(as).toBe('lost');
    expect(await stored()).toMatchObject([{ status: 'cancelled', messages: null, attempts_elapsed: 1 }]);
    expect(attempts).toBe(1);
  });

  it('in a transaction aborts it at the commit, not before', async () => {
    const signal = await started.signal.promise;
    await producer.dataSource.transaction(async (manager) => {
      expect(await cancel({ manager })).toBe(true);
      await workerHasLooked();
      expect(signal.aborted).toBe(false);
    });
    await until(() => signal.aborted);
    expect(signal.reason).toBeInstanceOf(TaskCancelledError);
  });

  it('in a transaction that rolls back never happened: the attempt succeeds', async () => {
    const signal = await started.signal.promise;
    await rejectionOf(
      producer.dataSource.transaction(async (manager) => {
        expect(await cancel({ manager })).toBe(true);
        throw new Error('roll back');
      }),
    );
    started.end.resolve();
    const { as } = await events.first('attempt-settled');
    expect(as).toBe('succeeded');
    expect(signal.aborted).toBe(false);
    expect(await stored()).toMatchObject([{ status: 'succeeded' }]);
  });

  it('leaves its slot to others once the handler heeds its signal', async () => {
    await started.signal.promise;
    await producer.queue.pushTask({ kind: definition, payload: 'next' });
    await cancel();
    started.end.resolve();
    await events.first('attempt-settled', ({ as }) => as === 'succeeded');
    expect(attempts).toBe(2);
  });
});

describe('a cancel in a transaction that rolls back', () => {
  it('leaves a task that waits where it was, and it runs', async () => {
    await push({ delay: 200 });
    await rejectionOf(
      producer.dataSource.transaction(async (manager) => {
        await cancel({ manager });
        throw new Error('roll back');
      }),
    );
    expect(await stored()).toMatchObject([{ status: 'new' }]);
    const worker = await openApp();
    worker.queue.registerKind(definition, () => undefined);
    await until(async () => (await stored())[0]!.status === 'succeeded');
    expect(await stored()).toMatchObject([{ attempts_elapsed: 1 }]);
    await worker.close();
  });
});

const push = (options = {}) =>
  producer.queue.pushTask({ kind: definition, payload: 0, externalKey: KEY }, options);
const cancel = (options: TransactionOptions = {}) => producer.queue.cancelTaskByKey(definition, KEY, options);
const stored = () => producer.stored(`kind = ${definition.kind}`);

const KEY = 'key';
