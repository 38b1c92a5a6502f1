import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { PgQueueHealthIndicator, QueueAdmin } from '../../lib/index.js';
import { newKind } from '../support/kinds.js';
import { createQueueApp, type QueueApp, storedTasks } from '../support/queue-app.js';
import { type RecordedEvents, recordEvents } from '../support/queue-events.js';
import { rejectionOf } from '../support/thrown-by.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';

const FAST = { heartbeatPeriod: 50, leaseTimeout: 150, shutdownTimeout: 500 };

let database: TestDatabase;
let producer: QueueApp;
const workers: QueueApp[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  producer = await createQueueApp({ url: database.url, options: { autoStart: false } });
});

afterAll(async () => {
  await producer.close();
  await database.drop();
});

afterEach(async () => {
  await repair();
  await Promise.all(workers.splice(0).map((worker) => worker.close()));
  await producer.dataSource.query('DELETE FROM pgqueue');
});

async function newWorker(options = {}): Promise<QueueApp & { events: RecordedEvents }> {
  const worker = await createQueueApp({ url: database.url, options: { ...FAST, ...options } });
  workers.push(worker);
  return { ...worker, events: recordEvents(worker.queue) };
}

/** A trigger of the application's that refuses what a condition says of the rows `old` and, for updates, `new`. */
async function refuse(on: 'UPDATE' | 'DELETE', condition: string, sqlstate = 'P0001'): Promise<void> {
  const result = on === 'UPDATE' ? 'new' : 'old';
  await producer.dataSource.query(`
CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN IF ${condition} THEN RAISE 'refused by a trigger' USING ERRCODE = '${sqlstate}'; END IF; RETURN ${result}; END $$`);
  await producer.dataSource.query(
    `CREATE TRIGGER refuse BEFORE ${on} ON pgqueue FOR EACH ROW EXECUTE FUNCTION refuse()`,
  );
}

async function repair(): Promise<void> {
  await producer.dataSource.query('DROP TRIGGER IF EXISTS refuse ON pgqueue');
}

const OUTCOME_OF_BAD = `old.external_key LIKE 'bad%' AND old.lease_id IS NOT NULL AND new.lease_id IS NULL`;
const CLAIM_OF_BAD = `old.external_key LIKE 'bad%' AND old.lease_id IS NULL AND new.lease_id IS NOT NULL`;
/** Of every class that there is a handling for, and of none. */
const SQLSTATES = [
  'P0001',
  '23503',
  '23514',
  '22003',
  '42501',
  'XX001',
  '53100',
  '57014',
  '40001',
  '08006',
  'ZZ999',
];

const good = (count: number) =>
  Array.from({ length: count }, (_, n) => ({ payload: n, externalKey: `good ${n}` }));
const bad = (count: number) =>
  Array.from({ length: count }, (_, n) => ({ payload: n, externalKey: `bad ${n}` }));

describe('an outcome that the database refuses', () => {
  it.each(SQLSTATES)(
    'with %s holds up no other, is named, and is written once it is not refused',
    async (state) => {
      const worker = await newWorker();
      const kind = newKind({ workerCount: 20 });
      const runs = new Map<string, number>();
      worker.queue.registerKind(kind, ({ externalKey }) => {
        runs.set(externalKey!, (runs.get(externalKey!) ?? 0) + 1);
      });
      await refuse('UPDATE', OUTCOME_OF_BAD, state);
      const [{ id }] = (await producer.queue.pushTasks(
        [...bad(1), ...good(100)].map((task) => ({ ...task, kind })),
      )) as unknown as [{ id: string }];
      const stored = () => storedTasks(producer.dataSource, `kind = ${kind.kind}`);
      await until(
        async () => (await stored()).filter(({ status }) => status === 'succeeded').length === 100,
        20_000,
      );
      const refused = await worker.events.first('task-refused', undefined, 20_000);
      expect(refused).toMatchObject({ kind: kind.kind, id, step: 'outcome', tries: 1, retryInMs: 1000 });
      expect(await worker.get(PgQueueHealthIndicator).isHealthy()).toMatchObject({
        pgqueue: {
          status: 'up',
          degraded: true,
          reason: expect.stringContaining(`task ${id} (${kind.name})`),
        },
      });
      const admin = producer.get(QueueAdmin);
      await until(async () => (await admin.explain(id)).reason === 'refused');
      expect(await admin.explain(id)).toMatchObject({
        step: 'outcome',
        error: expect.stringContaining('refused by a trigger'),
      });
      await repair();
      await until(async () => (await stored()).every(({ status }) => status === 'succeeded'), 20_000);
      await worker.events.first('task-accepted', (event) => event.id === id);
      expect(await worker.get(PgQueueHealthIndicator).isHealthy()).not.toHaveProperty('pgqueue.degraded');
      expect([...runs.values()].every((count) => count === 1)).toBe(true);
    },
  );

  it('can be deleted with its task, though its process lives', async () => {
    const worker = await newWorker();
    const kind = newKind();
    worker.queue.registerKind(kind, () => undefined);
    await refuse('UPDATE', OUTCOME_OF_BAD);
    const { id } = await producer.queue.pushTask({ kind, payload: 0, externalKey: 'bad' });
    const admin = producer.get(QueueAdmin);
    await until(async () => (await admin.explain(id!)).reason === 'refused', 10_000);
    expect(await admin.delete({ id: id! })).toEqual({ changed: 1, more: false });
    await worker.events.first('task-accepted', undefined, 10_000);
  });

  it('of which there are many at once leaves the other kinds alone', async () => {
    const worker = await newWorker();
    const [all, other] = [newKind({ workerCount: 50 }), newKind()];
    worker.queue.registerKind(all, () => undefined);
    worker.queue.registerKind(other, () => undefined);
    await refuse('UPDATE', OUTCOME_OF_BAD);
    await producer.queue.pushTasks(bad(300).map((task) => ({ ...task, kind: all })));
    await worker.events.first('task-refused', undefined, 10_000);
    const others = () => worker.events.of('attempt-settled').filter((event) => event.kind === other.kind);
    for (let n = 0; n < 3; n++) {
      await producer.queue.pushTask({ kind: other, payload: n });
      await until(() => others().length === n + 1, 5000);
    }
    expect(others().every(({ as }) => as === 'succeeded')).toBe(true);
  });
});

describe('a task that the database refuses to hand out', () => {
  it.each(SQLSTATES)(
    'with %s stops neither its kind nor others, and runs once it is not refused',
    async (state) => {
      const worker = await newWorker();
      const [kind, other] = [newKind({ workerCount: 20 }), newKind()];
      const ran: string[] = [];
      worker.queue.registerKind(kind, ({ externalKey }) => void ran.push(externalKey!));
      worker.queue.registerKind(other, () => void ran.push('other'));
      await refuse('UPDATE', CLAIM_OF_BAD, state);
      const [{ id }] = (await producer.queue.pushTasks(
        [...bad(1), ...good(100)].map((task) => ({ ...task, kind })),
      )) as unknown as [{ id: string }];
      await producer.queue.pushTask({ kind: other, payload: 0 });
      await until(() => ran.length === 101, 20_000);
      expect(ran).not.toContain('bad 0');
      expect(await worker.events.first('task-refused', undefined, 20_000)).toMatchObject({
        id,
        step: 'claim',
      });
      await producer.queue.pushTask({ kind, payload: 0, externalKey: 'later' });
      await until(() => ran.includes('later'), 5000);
      await repair();
      await until(() => ran.includes('bad 0'), 20_000);
    },
  );
});

describe('a task that the database refuses to give back', () => {
  it('is named, and the other tasks of the lost process are rescued', async () => {
    const kind = newKind({ workerCount: 5 });
    await producer.queue.pushTasks([...bad(1), ...good(3)].map((task) => ({ ...task, kind })));
    await producer.dataSource.query(
      `UPDATE pgqueue SET lease_id = 4711, claim_id = 1, attempts_left = 5, attempts_elapsed = 1`,
    );
    await producer.dataSource.query(
      `INSERT INTO pgqueue_lease (id, worker, heartbeat_at) OVERRIDING SYSTEM VALUE VALUES (4711, 'lost', now() - interval '1 hour')`,
    );
    await refuse('UPDATE', OUTCOME_OF_BAD);
    const worker = await newWorker();
    const ran: string[] = [];
    worker.queue.registerKind(kind, ({ externalKey }) => void ran.push(externalKey!));
    await until(() => ran.length === 3, 10_000);
    expect(await worker.events.first('task-refused')).toMatchObject({ step: 'rescue', kind: kind.kind });
    expect(worker.events.of('tasks-rescued').map(({ count }) => count)).toEqual([3]);
    await repair();
    await until(() => ran.includes('bad 0'), 10_000);
  });
});

describe('retries and actions', () => {
  it('pass over a row that the database refuses to change, and name it', async () => {
    const kind = newKind();
    producer.queue.registerKind(kind, () => undefined);
    const pushed = await producer.queue.pushTasks(
      [...bad(1), ...good(40)].map((task) => ({ ...task, kind })),
    );
    await producer.dataSource.query(`UPDATE pgqueue SET status = 'no_attempts_left', finished_at = now()`);
    await refuse('UPDATE', `old.external_key LIKE 'bad%'`);
    const events = recordEvents(producer.queue);
    expect(await producer.queue.retryTasks(kind)).toBe(40);
    expect(events.of('task-refused')).toMatchObject([{ id: pushed[0]!.id, step: 'retry', retryInMs: null }]);
    expect(await rejectionOf(producer.queue.retryTasks(kind))).toMatchObject({
      message: expect.stringContaining('refused by a trigger'),
    });
  });

  it('tell of refused rows in their results', async () => {
    const kind = newKind();
    const pushed = await producer.queue.pushTasks(
      [...bad(2), ...good(40)].map((task) => ({ ...task, kind })),
    );
    await refuse('UPDATE', `old.external_key LIKE 'bad%'`);
    const { changed, refused } = await producer.get(QueueAdmin).cancel({ kind });
    expect(changed).toBe(40);
    expect(refused!.map(({ id }) => id).toSorted()).toEqual([pushed[0]!.id, pushed[1]!.id].toSorted());
    expect(refused![0]!.error).toContain('refused by a trigger');
  });
});

describe('the janitor', () => {
  it('passes over a row that it can not delete', async () => {
    const kind = newKind({ terminalTasksTtl: '1h', loop: { janitorPeriod: 300 } });
    const [{ id }] = (await producer.queue.pushTasks(
      [...bad(1), ...good(20)].map((task) => ({ ...task, kind })),
    )) as unknown as [{ id: string }];
    await producer.dataSource.query(
      `UPDATE pgqueue SET status = 'succeeded', finished_at = now() - interval '2 hours'`,
    );
    await refuse('DELETE', `old.external_key LIKE 'bad%'`, '23503');
    const worker = await newWorker();
    worker.queue.registerKind(kind, () => undefined);
    await until(
      async () => (await storedTasks(producer.dataSource, `kind = ${kind.kind}`)).length === 1,
      15_000,
    );
    expect(await worker.events.first('task-refused')).toMatchObject({ id, step: 'cleanup' });
    await repair();
    await until(
      async () => (await storedTasks(producer.dataSource, `kind = ${kind.kind}`)).length === 0,
      15_000,
    );
  });
});
