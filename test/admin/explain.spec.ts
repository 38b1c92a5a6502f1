import { afterEach, beforeEach, describe, expect } from 'vitest';
import { type KindOptions, type PgQueueModuleOptions, QueueAdmin } from '../../lib/index.js';
import type { OpenApp } from '../support/fixtures.js';
import { databasePerFile, deferred, IDLE, lazily, newKind, perTest, until } from '../support/index.js';

const { it, app, openApp } = databasePerFile({ app: IDLE });
const admin = lazily(() => app.get(QueueAdmin));
const end = perTest(() => deferred());

beforeEach(() => app.dataSource.query('TRUNCATE pgqueue, pgqueue_pause, pgqueue_lease, pgqueue_registry'));

afterEach(() => end.resolve());

describe('QueueAdmin.explain', () => {
  it('knows nothing of a task that is not stored', async () => {
    expect(await admin.explain('404')).toMatchObject({
      reason: 'not-found',
      text: expect.stringContaining('404'),
    });
  });

  it('tells when a task is due, and what would stop it even then', async () => {
    const id = await push('1h');
    expect(await admin.explain(id)).toMatchObject({
      reason: 'not-due',
      dueAt: (await admin.task(id))!.runAt,
      besides: 'no-worker',
      text: expect.stringMatching(/ is not due until .*, in 3600 s; no live process handles its kind now\./),
    });
    await admin.pause(definition);
    expect(await admin.explain(id)).toMatchObject({ besides: 'kind-paused' });
  });

  it('tells that nobody handles its kind, then that it is paused', async () => {
    const id = await push();
    expect(await reasonOf(id)).toBe('no-worker');
    await admin.pause(definition);
    expect(await admin.explain(id)).toMatchObject({ reason: 'kind-paused', pausedAt: expect.any(Date) });
  });

  it('tells who runs it, and since when', async () => {
    await startWorker();
    const id = await push();
    expect(await until(async () => (await reasonOf(id)) === 'running')).toBe(true);
    const told = await until(async () => {
      const explanation = await admin.explain(id);
      return explanation.reason === 'running' && explanation.since && explanation;
    });
    expect(told).toMatchObject({ worker: 'worker-1', attempt: 1 });
    expect(told.text).toBe(
      `Task ${id} (explained) is running: attempt 1, by worker-1, since ${told.since!.toISOString()}.`,
    );
    expect(Math.abs(told.since!.getTime() - Date.now())).toBeLessThan(30_000);
    expect((await admin.task(id))!.timeline.at(-1)).toEqual({
      event: 'started',
      at: told.since,
      text: 'attempt 1, by worker-1',
    });
  });

  it('does not take for new what runs beside more than a process tells of', async () => {
    await startWorker({ workerCount: 55 });
    const pushed = await app.queue.pushTasks(
      Array.from({ length: 55 }, () => ({ kind: definition, payload: 1 })),
    );
    const told = await until(
      async () => (await admin.workers())[0]?.running.length === 50 && admin.workers(),
    );
    const running = new Set(told[0]!.running.map((attempt) => attempt.id));
    const untold = pushed.find(({ id }) => !running.has(id!))!;
    const { text, ...explanation } = await admin.explain(untold.id!);
    expect(explanation).toEqual({ reason: 'running', worker: 'worker-1', attempt: 1, since: null });
    const after = told[0]!.running.at(-1)!.startedAt.toISOString();
    expect(text).toContain(`since some time after ${after}, as others of that process have run for longer`);
  });

  it('tells that all slots are busy, and since when', async () => {
    await startWorker({ workerCount: 2 });
    await push();
    await push();
    const first = await push();
    const second = await push();
    const busy =
      / all 2 slots of explained in 1 process have been busy since .*, and 1 due task goes before it\.$/;
    // The tasks before it are counted before the reports of the processes are read, so perhaps before they are claimed.
    const told = await until(async () => {
      const explanation = await admin.explain(second);
      return explanation.reason === 'slots-busy' && busy.test(explanation.text) && explanation;
    });
    expect(told).toMatchObject({ slots: 2, processes: 1, since: expect.any(Date) });
    expect(told.text).toMatch(busy);
    expect(await admin.explain(first)).toMatchObject({ reason: 'slots-busy', since: told.since });
  });

  it('tells that a kind has no slots', async () => {
    await startWorker({ workerCount: 0 });
    expect(await reasonOf(await push())).toBe('no-slots');
  });

  it('tells how many go before it, by priority and by due time, when it is next in line', async () => {
    // A process with a free slot that is slow to claim.
    await app.dataSource.query(
      `INSERT INTO pgqueue_lease (worker, slots) VALUES ('slow', json_build_object($1::int, '[2, 1, null]'::json))`,
      [definition.kind],
    );
    const store = async (priority: number, dueIn: string, count = 1) => {
      const rows = await app.dataSource.query(
        `INSERT INTO pgqueue (kind, payload, priority, run_at)
         SELECT $1, '1', $2, now() + $3::interval FROM generate_series(1, $4::int) RETURNING id`,
        [definition.kind, priority, dueIn, count],
      );
      return rows.at(-1).id as string;
    };
    await store(0, '1 hour', 3);
    await store(0, '-1 s', 2);
    const urgent = await store(0, '-1 ms');
    const usual = await store(5, '-1 hour', 2);
    await store(6, '-2 hours');
    expect(await admin.explain(urgent)).toMatchObject({
      reason: 'next-in-line',
      before: 2,
      beforeIsAtLeast: false,
    });
    expect(await admin.explain(usual)).toMatchObject({ before: 4 });
    await store(1, '-1 hour', 1500);
    expect(await admin.explain(usual)).toMatchObject({
      before: 1000,
      beforeIsAtLeast: true,
      text: expect.stringContaining('at least 1000 due tasks go before it'),
    });
  });

  it('tells that its worker process is lost', async () => {
    const id = await push();
    await app.dataSource.query(
      `WITH lease AS (
         INSERT INTO pgqueue_lease (worker, heartbeat_at) VALUES ('dead', clock_timestamp() - interval '1 minute') RETURNING id
       ) UPDATE pgqueue SET lease_id = (SELECT id FROM lease) WHERE id = $1`,
      [id],
    );
    const told = await admin.explain(id);
    expect(told).toMatchObject({ reason: 'worker-lost', worker: 'dead' });
    expect(told.text).toMatch(
      / held by the worker process dead, silent for \d+ s; another process rescues it/,
    );
    expect(await admin.workers()).toMatchObject([{ worker: 'dead', lost: true, kinds: [], running: [] }]);
    await app.dataSource.query('DELETE FROM pgqueue_lease');
    expect(await admin.explain(id)).toMatchObject({ reason: 'worker-lost', worker: null, silentMs: null });
  });

  it('tells how a task ended', async () => {
    const id = await push();
    const set = (status: string) =>
      app.dataSource.query(
        `UPDATE pgqueue SET status = $1, finished_at = '2026-01-01T00:00:00Z', messages = '{boom}', attempts_elapsed = 3 WHERE id = $2`,
        [status, id],
      );
    await set('no_attempts_left');
    expect(await admin.explain(id)).toMatchObject({
      reason: 'no-attempts-left',
      attempts: 3,
      lastError: 'boom',
    });
    for (const status of ['succeeded', 'cancelled']) {
      await set(status);
      expect(await admin.explain(id)).toMatchObject({
        reason: 'finished',
        status,
        finishedAt: new Date('2026-01-01T00:00:00Z'),
      });
    }
  });

  it('refuses what can not be an id', async () => {
    await expect(admin.explain('1 OR 1')).rejects.toThrow(
      `id: must be a task's id, a string of digits, got "1 OR 1"`,
    );
  });
});

describe('QueueAdmin.workers and kinds', () => {
  it('show what processes tell of themselves, as it changes', async () => {
    let workerCount = 2;
    const worker = await startWorker({ workerCount: () => workerCount, terminalTasksTtl: '1h' });
    const id = await push();
    const [seen] = await until(async () => {
      const all = await admin.workers();
      return all[0]?.running.length === 1 && all;
    });
    expect(seen).toMatchObject({
      worker: 'worker-1',
      pid: process.pid,
      lost: false,
      kinds: [{ kind: definition.kind, name: 'explained', capacity: 2, busy: 1, fullSince: null }],
      running: [{ id, kind: definition.kind, name: 'explained', attempt: 1, startedAt: expect.any(Date) }],
    });
    expect(seen!.silentMs).toBeLessThan(20_000);
    const late = newKind();
    worker.queue.registerKind(late, () => undefined);
    workerCount = 5;
    const kinds = await until(async () => {
      const all = await admin.kinds();
      return all.length === 2 && all[0]!.slots.capacity === 5 && all;
    });
    expect(kinds).toMatchObject([
      {
        kind: definition.kind,
        name: 'explained',
        pausedAt: null,
        processes: 1,
        slots: { capacity: 5, busy: 1, fullSince: null },
        settings: {
          name: 'explained',
          attemptTimeoutMs: 20_000,
          maxAttempts: 32_767,
          terminalTasksTtlMs: 3_600_000,
        },
      },
      { kind: late.kind, name: late.name, processes: 1 },
    ]);
    end.resolve();
    await worker.close();
    expect(await admin.workers()).toEqual([]);
    expect(await admin.kinds()).toEqual([]);
  });

  it('count the slots of all live processes', async () => {
    await startWorker({ workerCount: 2 });
    await startWorker({ workerCount: 3 }, { workerName: 'worker-2' });
    const [kind] = await admin.kinds();
    expect(kind).toMatchObject({ processes: 2, slots: { capacity: 5, busy: 0 } });
  });
});

/** A process whose handler waits for its end, with a heartbeat that soon tells what it does. */
async function startWorker(options: KindOptions = {}, module: PgQueueModuleOptions = {}): Promise<OpenApp> {
  const worker = await openApp({
    options: { heartbeatPeriod: 50, workerName: 'worker-1', ...module },
  });
  const events = worker.recordEvents();
  worker.queue.registerKind(definition, () => end.promise, options);
  await events.first('lease-acquired');
  return worker;
}

async function push(delay: number | string = 0): Promise<string> {
  const { id } = await app.queue.pushTask({ kind: definition, payload: 1 }, { delay });
  return id!;
}

const reasonOf = async (id: string) => (await admin.explain(id)).reason;

const definition = newKind({ name: 'explained' });
