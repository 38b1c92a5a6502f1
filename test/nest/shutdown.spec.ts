import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  defineTask,
  noJitter,
  type PgQueueModuleOptions,
  QueueService,
  ShutdownError,
  type Task,
  TaskHandler,
} from '../../lib/index.js';
import { deferred, until } from '../support/index.js';
import { createQueueApp, type QueueApp, type StoredTask, storedTasks } from '../support/queue-app.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

describe('H33: shutdown', () => {
  let database: TestDatabase;
  let app: QueueApp;
  let worker: Worker;

  beforeEach(async () => {
    database = await createTestDatabase();
  });

  afterEach(async () => {
    await app.close();
    await database.drop();
  });

  async function start(options: PgQueueModuleOptions = {}): Promise<void> {
    app = await createQueueApp({ url: database.url, providers: [Worker], options });
    worker = app.get(Worker);
  }

  async function runOne(work: Worker['work']): Promise<void> {
    worker.work = work;
    await app.queue.pushTask({ kind: WORK, payload: { step: 1 } });
    await until(() => worker.started.length === 1);
  }

  /** Closes the application. @returns how long it took, and what is stored then. */
  async function close(): Promise<{ tookMs: number; tasks: StoredTask[]; leases: unknown[] }> {
    const startedAt = performance.now();
    await app.close();
    const tookMs = performance.now() - startedAt;
    await app.dataSource.initialize();
    const tasks = await storedTasks(app.dataSource);
    const leases = await app.dataSource.query('SELECT id FROM pgqueue_lease');
    await app.dataSource.destroy();
    return { tookMs, tasks, leases };
  }

  it('claims nothing more, and lets what runs end', async () => {
    await start();
    const gate = deferred();
    await runOne(() => gate.promise);
    const closing = close();
    // A claim that was on its way when the shutdown began counts as running.
    await until(async () => {
      const before = worker.started.length;
      await app.queue.pushTask({ kind: WORK, payload: { step: 2 } });
      await app.dataSource.query('SELECT pg_sleep(0.1)');
      return worker.started.length === before;
    });
    expect(worker.destroyed).toBe(false);
    expect(worker.started[0]!.signal.aborted).toBe(false);
    gate.resolve();
    const { tasks, leases } = await closing;
    expect(tasks[0]).toMatchObject({ status: 'succeeded', attempts_left: 2 });
    expect(tasks.at(-1)).toMatchObject({ status: 'new', lease_id: null, attempts_left: 3 });
    expect(leases).toEqual([]);
  });

  it('lets handlers push follow-up tasks, alone and in a transaction', async () => {
    await start();
    const gate = deferred();
    await runOne(async () => {
      await gate.promise;
      await app.queue.pushTask({ kind: WORK, payload: { step: 2 } });
      await app.dataSource.transaction((manager) =>
        app.queue.pushTask({ kind: WORK, payload: { step: 3 } }, { manager }),
      );
    });
    const closing = close();
    gate.resolve();
    const { tasks } = await closing;
    expect(tasks.map(({ payload, status }) => [payload, status])).toEqual([
      [{ step: 1 }, 'succeeded'],
      [{ step: 2 }, 'new'],
      [{ step: 3 }, 'new'],
    ]);
  });

  it('aborts what runs on after the shutdown time, and gives it back without using its attempt', async () => {
    await start({ shutdownTimeout: '300ms' });
    await runOne(
      ({ signal }) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    );
    const { tookMs, tasks, leases } = await close();
    expect(worker.started[0]!.signal.reason).toBeInstanceOf(ShutdownError);
    expect(tookMs).toBeGreaterThan(290);
    expect(tookMs).toBeLessThan(2300);
    expect(tasks).toEqual([
      expect.objectContaining({
        status: 'must_retry',
        lease_id: null,
        attempts_left: 3,
        attempts_elapsed: 0,
        messages: null,
      }),
    ]);
    expect(tasks[0]!.due_in).toBeLessThanOrEqual(0);
    expect(leases).toEqual([]);
  });

  it('does not wait for a handler that never ends, and gives its task back', async () => {
    await start({ shutdownTimeout: '300ms' });
    await runOne(() => new Promise(() => undefined));
    const { tookMs, tasks, leases } = await close();
    expect(tookMs).toBeLessThan(2300);
    expect(tasks).toEqual([
      expect.objectContaining({
        status: 'must_retry',
        lease_id: null,
        attempts_left: 3,
        attempts_elapsed: 0,
      }),
    ]);
    expect(leases).toEqual([]);
  });

  it('waits for nothing when the shutdown time is 0', async () => {
    await start({ shutdownTimeout: 0 });
    await runOne(() => new Promise(() => undefined));
    const { tookMs, tasks } = await close();
    expect(tookMs).toBeLessThan(2000);
    expect(tasks).toEqual([expect.objectContaining({ status: 'must_retry', attempts_left: 3 })]);
  });

  it('ends in time when the database is gone', async () => {
    await start({ shutdownTimeout: '300ms' });
    await runOne(() => new Promise(() => undefined));
    const startedAt = performance.now();
    const closing = app.close();
    await database.drop();
    await closing;
    expect(performance.now() - startedAt).toBeLessThan(5000);
  });
});

const WORK = defineTask<{ step: number }>({
  kind: 1,
  workerCount: 10,
  maxAttempts: 3,
  attemptTimeout: '60s',
  backoff: noJitter('1s'),
  terminalTasksTtl: '1h',
});

/** What the handler does is up to the test. */
@Injectable()
class Worker implements OnModuleDestroy {
  readonly started: Task<{ step: number }>[] = [];
  destroyed = false;
  work: (task: Task<{ step: number }>) => Promise<unknown> = async () => undefined;

  constructor(readonly queue: QueueService) {}

  @TaskHandler(WORK)
  run(task: Task<{ step: number }>) {
    this.started.push(task);
    return this.work(task);
  }

  onModuleDestroy() {
    this.destroyed = true;
  }
}
