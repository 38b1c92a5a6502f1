import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { PgQueueHealthIndicator, QueueAdmin } from '../../lib/index.js';
import { newKind } from '../support/kinds.js';
import { cannotRunOver } from '../support/over.js';
import { type QueueApp, storedTasks } from '../support/queue-app.js';
import {
  bad,
  CLAIM_OF_BAD,
  createRefusingDatabase,
  good,
  OUTCOME_OF_BAD,
  type RefusingDatabase,
} from '../support/refusing-database.js';
import { until } from '../support/until.js';

let database: RefusingDatabase;
let producer: QueueApp;

beforeAll(async () => {
  database = await createRefusingDatabase();
  ({ producer } = database);
});

afterEach(() => database.clean());

afterAll(() => database.close());

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

describe('an outcome that the database refuses', () => {
  it.each(SQLSTATES)(
    'with %s holds up no other, is named, and is written once it is not refused',
    async (state) => {
      const worker = await database.newWorker();
      const kind = newKind({ workerCount: 20 });
      const runs = new Map<string, number>();
      worker.queue.registerKind(kind, ({ externalKey }) => {
        runs.set(externalKey!, (runs.get(externalKey!) ?? 0) + 1);
      });
      await database.refuse('UPDATE', OUTCOME_OF_BAD, state);
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
        error: expect.stringContaining('refused by the function refuse'),
      });
      await database.repair();
      await until(async () => (await stored()).every(({ status }) => status === 'succeeded'), 20_000);
      await worker.events.first('task-accepted', (event) => event.id === id);
      expect(await worker.get(PgQueueHealthIndicator).isHealthy()).not.toHaveProperty('pgqueue.degraded');
      expect([...runs.values()].every((count) => count === 1)).toBe(true);
    },
  );

  it('by ending the session holds up no other', async () => {
    const worker = await database.newWorker();
    const kind = newKind({ workerCount: 20 });
    let ran = 0;
    worker.queue.registerKind(kind, () => void ran++);
    await database.refuse('UPDATE', `${OUTCOME_OF_BAD} AND pg_terminate_backend(pg_backend_pid())`);
    await producer.queue.pushTasks([...bad(1), ...good(50)].map((task) => ({ ...task, kind })));
    const stored = () => storedTasks(producer.dataSource, `kind = ${kind.kind}`);
    await until(
      async () => (await stored()).filter(({ status }) => status === 'succeeded').length === 50,
      20_000,
    );
    await worker.events.first('task-refused', undefined, 20_000);
    await database.repair();
    await until(async () => (await stored()).every(({ status }) => status === 'succeeded'), 20_000);
    expect(ran).toBe(51);
  });

  it('can be deleted with its task, though its process lives', async () => {
    const worker = await database.newWorker();
    const kind = newKind();
    worker.queue.registerKind(kind, () => undefined);
    await database.refuse('UPDATE', OUTCOME_OF_BAD);
    const { id } = await producer.queue.pushTask({ kind, payload: 0, externalKey: 'bad' });
    const admin = producer.get(QueueAdmin);
    await until(async () => (await admin.explain(id!)).reason === 'refused', 10_000);
    expect(await admin.delete({ id: id! })).toEqual({ changed: 1, more: false });
    await worker.events.first('task-accepted', undefined, 10_000);
  });

  it('of which there are many at once leaves the other kinds alone, and little more of its own kind runs', async () => {
    const worker = await database.newWorker();
    const [all, other] = [newKind({ workerCount: 20 }), newKind()];
    let ran = 0;
    // So that the first outcomes are refused before all have run.
    worker.queue.registerKind(all, async () => {
      ran++;
      await pause(10);
    });
    worker.queue.registerKind(other, () => undefined);
    await database.refuse('UPDATE', OUTCOME_OF_BAD);
    await producer.queue.pushTasks(bad(1000).map((task) => ({ ...task, kind: all })));
    await worker.events.first('task-refused', undefined, 10_000);
    const others = () => worker.events.of('attempt-settled').filter((event) => event.kind === other.kind);
    for (let n = 0; n < 3; n++) {
      await producer.queue.pushTask({ kind: other, payload: n });
      await until(() => others().length === n + 1, 5000);
    }
    expect(others().every(({ as }) => as === 'succeeded')).toBe(true);
    await until(() => worker.events.of('task-refused').length >= 100, 20_000);
    expect(ran).toBeLessThan(800);
    await database.repair();
    const stored = () => storedTasks(producer.dataSource, `kind = ${all.kind}`);
    await until(async () => (await stored()).every(({ status }) => status === 'succeeded'), 60_000);
    expect(ran).toBe(1000);
  });
});

it.skipIf(cannotRunOver({ pgbouncer: 'the pooler keeps its own connections' })).each([
  ['claim', CLAIM_OF_BAD],
  ['outcome', OUTCOME_OF_BAD],
] as const)(
  'an outage is no refusal: a task whose %s was refused is tried again soon after it',
  async (step, condition) => {
    const worker = await database.newWorker();
    const kind = newKind();
    worker.queue.registerKind(kind, () => undefined);
    await database.refuse('UPDATE', condition);
    const { id } = await producer.queue.pushTask({ kind, payload: 0, externalKey: 'bad' });
    await worker.events.first('task-refused', (event) => event.step === step, 10_000);
    const restore = await database.cutOff();
    await pause(4000);
    await restore();
    await until(async () => (await producer.get(QueueAdmin).explain(id!)).reason === 'refused', 20_000);
    expect(worker.events.of('task-refused').map(({ error }) => String(error))).toEqual(
      worker.events.of('task-refused').map(() => expect.stringContaining('refused by the function refuse')),
    );
    await database.repair();
    const stored = () => storedTasks(producer.dataSource, `kind = ${kind.kind}`);
    await until(async () => (await stored())[0]!.status === 'succeeded', 20_000);
  },
);

describe('a task that the database refuses to hand out', () => {
  it.each(SQLSTATES)(
    'with %s stops neither its kind nor others, and runs once it is not refused',
    async (state) => {
      const worker = await database.newWorker();
      const [kind, other] = [newKind({ workerCount: 20 }), newKind()];
      const ran: string[] = [];
      worker.queue.registerKind(kind, ({ externalKey }) => void ran.push(externalKey!));
      worker.queue.registerKind(other, () => void ran.push('other'));
      await database.refuse('UPDATE', CLAIM_OF_BAD, state);
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
      await database.repair();
      await until(() => ran.includes('bad 0'), 20_000);
    },
  );
});
