import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { QueueAdmin } from '../../lib/index.js';
import { newKind } from '../support/kinds.js';
import { type QueueApp, storedTasks } from '../support/queue-app.js';
import { recordEvents } from '../support/queue-events.js';
import {
  bad,
  BEGIN_OF_BAD,
  createRefusingDatabase,
  good,
  OUTCOME_OF_BAD,
  type RefusingDatabase,
} from '../support/refusing-database.js';
import { rejectionOf } from '../support/thrown-by.js';
import { until } from '../support/until.js';

let database: RefusingDatabase;
let producer: QueueApp;

beforeAll(async () => {
  database = await createRefusingDatabase();
  ({ producer } = database);
});

afterEach(() => database.clean());

afterAll(() => database.close());

describe('a last attempt that the database refuses to let begin', () => {
  it.each(['P0001', '40001', '53100'])(
    'with %s takes no slot from the others, is named, and runs once it is not refused',
    async (state) => {
      const worker = await database.newWorker();
      const kind = newKind({ workerCount: 2, maxAttempts: 1 });
      const ran: string[] = [];
      worker.queue.registerKind(kind, ({ externalKey }) => void ran.push(externalKey!));
      await database.refuse('UPDATE', BEGIN_OF_BAD, state);
      const [{ id }] = (await producer.queue.pushTasks(
        [...bad(3), ...good(20)].map((task) => ({ ...task, kind })),
      )) as unknown as [{ id: string }];
      await until(() => ran.length === 20, 20_000);
      const refusals = () => worker.events.of('task-refused');
      await until(() => refusals().length >= 3, 10_000);
      expect(refusals()).toContainEqual(expect.objectContaining({ kind: kind.kind, id, step: 'begin' }));
      const admin = producer.get(QueueAdmin);
      await until(async () => (await admin.explain(id)).reason === 'refused');
      await database.repair();
      await until(() => ran.length === 23, 20_000);
      const stored = () => storedTasks(producer.dataSource, `kind = ${kind.kind}`);
      await until(async () => (await stored()).every(({ status }) => status === 'succeeded'), 20_000);
      expect((await stored()).every((row) => row.attempts_elapsed === 1 && row.attempts_left === 0)).toBe(
        true,
      );
    },
  );

  it('is given back by a stop', async () => {
    const worker = await database.newWorker();
    const kind = newKind({ maxAttempts: 1 });
    worker.queue.registerKind(kind, () => undefined);
    await database.refuse('UPDATE', BEGIN_OF_BAD);
    await producer.queue.pushTasks(bad(1).map((task) => ({ ...task, kind })));
    await worker.events.first('task-refused');
    await worker.queue.stop();
    const stored = await storedTasks(producer.dataSource, `kind = ${kind.kind}`);
    expect(stored).toMatchObject([{ lease_id: null, attempts_left: 1, attempts_elapsed: 0 }]);
    expect(await producer.dataSource.query('SELECT id FROM pgqueue_lease')).toEqual([]);
  });
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
    await database.refuse('UPDATE', OUTCOME_OF_BAD);
    const worker = await database.newWorker();
    const ran: string[] = [];
    worker.queue.registerKind(kind, ({ externalKey }) => void ran.push(externalKey!));
    await until(() => ran.length === 3, 10_000);
    expect(await worker.events.first('task-refused')).toMatchObject({ step: 'rescue', kind: kind.kind });
    expect(worker.events.of('tasks-rescued').map(({ count }) => count)).toEqual([3]);
    await database.repair();
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
    await database.refuse('UPDATE', `old.external_key LIKE 'bad%'`);
    const events = recordEvents(producer.queue);
    expect(await producer.queue.retryTasks(kind)).toBe(40);
    expect(events.of('task-refused')).toMatchObject([{ id: pushed[0]!.id, step: 'retry', retryInMs: null }]);
    expect(await rejectionOf(producer.queue.retryTasks(kind))).toMatchObject({
      message: expect.stringContaining('refused by the function refuse'),
    });
  });

  it('tell of refused rows in their results', async () => {
    const kind = newKind();
    const pushed = await producer.queue.pushTasks(
      [...bad(2), ...good(40)].map((task) => ({ ...task, kind })),
    );
    await database.refuse('UPDATE', `old.external_key LIKE 'bad%'`);
    const { changed, refused } = await producer.get(QueueAdmin).cancel({ kind });
    expect(changed).toBe(40);
    expect(refused!.map(({ id }) => id).toSorted()).toEqual([pushed[0]!.id, pushed[1]!.id].toSorted());
    expect(refused![0]!.error).toContain('refused by the function refuse');
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
    await database.refuse('DELETE', `old.external_key LIKE 'bad%'`, '23503');
    const worker = await database.newWorker();
    worker.queue.registerKind(kind, () => undefined);
    await until(
      async () => (await storedTasks(producer.dataSource, `kind = ${kind.kind}`)).length === 1,
      15_000,
    );
    expect(await worker.events.first('task-refused')).toMatchObject({ id, step: 'cleanup' });
    await database.repair();
    await until(
      async () => (await storedTasks(producer.dataSource, `kind = ${kind.kind}`)).length === 0,
      15_000,
    );
  });
});
