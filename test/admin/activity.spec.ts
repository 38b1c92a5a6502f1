import { setTimeout as pause } from 'node:timers/promises';
import { beforeEach, describe, expect } from 'vitest';
import {
  type KindActivity,
  MustCancelTaskError,
  type PgQueueModuleOptions,
  QueueAdmin,
  SnoozeTaskError,
  type Task,
} from '../../lib/index.js';
import type { OpenApp } from '../support/fixtures.js';
import { databasePerFile, IDLE, lazily, newKind, rejectionOf, until } from '../support/index.js';
import type { RecordedEvents } from '../support/queue-events.js';

const { it, app, openApp } = databasePerFile({ app: IDLE });
const admin = lazily(() => app.get(QueueAdmin));

let definition = newKind();

beforeEach(async () => {
  await app.dataSource.query('TRUNCATE pgqueue, pgqueue_lease, pgqueue_activity, pgqueue_registry');
  definition = newKind({ maxAttempts: 2, workerCount: 10 });
  workers.length = 0;
});

describe('QueueAdmin.activity', () => {
  it('is empty where nothing has happened, and nothing is written then', async () => {
    await startWorker(() => undefined);
    await stopAll();
    expect(await admin.activity()).toEqual([]);
  });

  it('adds up what attempts came to in all worker processes, and how long tasks waited and ran', async () => {
    const other = newKind();
    const one = await startWorker(failWhenTold, [definition, other]);
    const two = await startWorker(failWhenTold, [definition]);
    await push(20);
    await push(1, 'fail');
    await push(3, null, other);
    const ended = () => [one, two].reduce((sum, { events }) => sum + events.of('attempt-settled').length, 0);
    await until(() => ended() === 25);
    await stopAll();
    const all = await admin.activity();
    expect(all.map(({ kind, name }) => [kind, name])).toEqual([
      [definition.kind, definition.name],
      [other.kind, other.name],
    ]);
    expect(all.map(totals)).toEqual([
      { succeeded: 20, failed: 2, exhausted: 1 },
      { succeeded: 3, failed: 0, exhausted: 0 },
    ]);
    for (const { points, wait, run } of all) {
      expect(points).toHaveLength(60);
      const gaps = points.slice(1).map(({ at }, index) => at.getTime() - points[index]!.at.getTime());
      expect(new Set(gaps)).toEqual(new Set([60_000]));
      expect(points.at(-1)!.at.getTime() % 60_000).toBe(0);
      for (const { p50, p95, p99 } of [wait!, run!]) {
        expect(p50).toBeGreaterThanOrEqual(1);
        expect(p95).toBeGreaterThanOrEqual(p50);
        expect(p99).toBeGreaterThanOrEqual(p95);
        expect(p99).toBeLessThan(30_000);
      }
    }
  });

  it('is written in transactions behind a pooler', async () => {
    const worker = await startWorker(() => undefined, [definition], { transactionPooling: true });
    await push(2);
    await settled(worker, 2);
    await stopAll();
    expect((await admin.activity()).map(totals)).toEqual([{ succeeded: 2, failed: 0, exhausted: 0 }]);
  });

  it('adds to what is there already, bucket by bucket', async () => {
    for (const ms of [0, 200]) {
      const worker = await startWorker(() => pause(ms));
      await push(1);
      await settled(worker, 1);
      await stopAll();
    }
    const [activity] = await admin.activity();
    expect(totals(activity!)).toEqual({ succeeded: 2, failed: 0, exhausted: 0 });
    expect(activity!.run!.p50).toBeLessThan(activity!.run!.p99);
    expect(activity!.run!.p99).toBeGreaterThanOrEqual(199);
  });

  it('counts attempts that were cancelled, snoozed or given back as neither', async () => {
    const worker = await startWorker(({ payload, attempt, signal }) => {
      if (payload === 'cancel') throw new MustCancelTaskError('not needed');
      if (payload === 'snooze' && attempt === 1) throw new SnoozeTaskError('1h');
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    });
    await push(1, 'cancel');
    await push(1, 'snooze');
    await settled(worker, 2);
    await push(1, 'wait');
    await until(() => worker.worker.queue.slots()[0]!.busy === 1);
    await stopAll();
    const [activity] = await admin.activity();
    expect(totals(activity!)).toEqual({ succeeded: 0, failed: 0, exhausted: 0 });
    expect(activity!.run).not.toBeNull();
  });

  it('counts the tasks of a dead worker process once, as failed', async () => {
    await push(2);
    await app.dataSource.query(`
      WITH dead AS (INSERT INTO pgqueue_lease (worker, heartbeat_at) VALUES ('dead', '-infinity') RETURNING id)
      UPDATE pgqueue SET lease_id = dead.id, attempts_left = 0 FROM dead`);
    const worker = await startWorker(() => undefined);
    await worker.events.first('tasks-rescued');
    await stopAll();
    expect((await admin.activity()).map(totals)).toEqual([{ succeeded: 0, failed: 2, exhausted: 2 }]);
  });

  it('looks back as far as it is asked to', async () => {
    await app.dataSource.query(
      `INSERT INTO pgqueue_activity SELECT date_trunc('minute', now()) - n * interval '1 minute', $1, 1, 0, 0, '{}', '{0,1}'
       FROM unnest('{3,59,60,1439,1440}'::int[]) n`,
      [definition.kind],
    );
    const seen = async (minutes?: number) => {
      const [activity] = await admin.activity(minutes === undefined ? {} : { minutes });
      return activity && totals(activity).succeeded;
    };
    // The minute may change between the statements: what is on the edge is not looked at.
    expect(await seen(1)).toBeUndefined();
    expect(await seen(10)).toBe(1);
    expect(await seen(1000)).toBe(3);
    expect((await admin.activity({ minutes: 1000 }))[0]).toMatchObject({
      wait: null,
      run: { p50: 1.25, p95: 1.25, p99: 1.25 },
    });
  });

  it('refuses what it does not know, before anything is asked', async () => {
    for (const options of [{ minutes: 0 }, { minutes: 1441 }, { since: 1 }]) {
      expect(await rejectionOf(admin.activity(options as object))).toMatchObject({
        code: 'PGQUEUE_INVALID_OPTION',
      });
    }
  });
});

describe('what was counted', () => {
  it('is kept when it can not be written, told, and written later', async () => {
    await app.dataSource.query(`
      CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not now'; END $$;
      CREATE TRIGGER refuse BEFORE INSERT ON pgqueue_activity EXECUTE FUNCTION refuse()`);
    try {
      const worker = await startWorker(() => undefined);
      await push(3);
      await settled(worker, 3);
      const failure = await worker.events.first('connection-failed', () => true, 20_000);
      expect(failure).toMatchObject({ role: 'maintenance', error: { code: 'P0001' } });
    } finally {
      await app.dataSource.query('DROP FUNCTION refuse CASCADE');
    }
    await stopAll();
    expect((await admin.activity()).map(totals)).toEqual([{ succeeded: 3, failed: 0, exhausted: 0 }]);
  });

  it('is deleted after a day, once per hour in the whole cluster', async () => {
    await app.dataSource.query(
      `INSERT INTO pgqueue_activity SELECT now() - hours * interval '1 hour', 7, 1, 0, 0, '{}', '{}'
       FROM unnest('{23,25,1000}'::int[]) hours`,
    );
    await startWorker(() => undefined);
    const left = () => app.dataSource.query('SELECT FROM pgqueue_activity');
    await until(async () => (await left()).length === 1);
    await startWorker(() => undefined);
    expect(
      await app.dataSource.query(`SELECT job FROM pgqueue_registry WHERE job = 'activity'`),
    ).toHaveLength(1);
  });
});

async function stopAll(): Promise<void> {
  await Promise.all(workers.splice(0).map((worker) => worker.close()));
}

async function startWorker(
  work: (task: Task<any>) => unknown,
  kinds = [definition],
  options: PgQueueModuleOptions = {},
): Promise<{ events: RecordedEvents; worker: OpenApp }> {
  const worker = await openApp({
    options: {
      autoStart: false,
      heartbeatPeriod: '50ms',
      leaseTimeout: '300ms',
      shutdownTimeout: 50,
      ...options,
    },
  });
  workers.push(worker);
  const events = worker.recordEvents();
  kinds.forEach((kind) => worker.queue.registerKind(kind, work));
  await worker.queue.start();
  return { events, worker };
}

const push = (count: number, payload: unknown = null, kind = definition) =>
  app.queue.pushTasks(Array.from({ length: count }, () => ({ kind, payload })));

const settled = ({ events }: { events: RecordedEvents }, count: number) =>
  until(() => events.of('attempt-settled').length === count);

/** What all minutes came to. */
const totals = ({ points }: KindActivity) => ({
  succeeded: points.reduce((sum, point) => sum + point.succeeded, 0),
  failed: points.reduce((sum, point) => sum + point.failed, 0),
  exhausted: points.reduce((sum, point) => sum + point.exhausted, 0),
});

function failWhenTold({ payload }: Task<any>): void {
  if (payload === 'fail') throw new Error('failed');
}

/** Those that a test has started and not stopped yet. */
const workers: OpenApp[] = [];
