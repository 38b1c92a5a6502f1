import { afterEach, expect } from 'vitest';
import type { QueryRunner } from 'typeorm';
import type { TaskDefinition } from '../../lib/index.js';
import { databasePerFile, deferred, IDLE, newKind, recordEvents, until } from '../support/index.js';
import type { RecordedEvents } from '../support/queue-events.js';
import type { QueueApp } from '../support/queue-app.js';

/** By then claims have moved the point twice that no open transaction can write before. */
const LONG_ENOUGH_MS = 3000;

const { it, producer, openApp } = databasePerFile({ producer: IDLE });

let worker: QueueApp | undefined;
const transactions: QueryRunner[] = [];

afterEach(async () => {
  await Promise.all(transactions.splice(0).map((runner) => runner.release()));
  await worker?.close();
  worker = undefined;
});

it('starts what the application held while claims passed over it, soon after the commit', async () => {
  const kind = newKind<number>({ workerCount: 2 });
  const ids = await push(kind, 40);
  const working = await work(kind);
  const holder = await lock([ids[10]!, ids[15]!]);
  working.open();
  await until(() => working.ran.length === 38);
  await untilPassed(working);
  await holder.commitTransaction();
  await until(() => working.ran.length === 40, 5000);
  expect(sorted(working.ran)).toEqual(upTo(40));
  expect(working.events.of('swept')).toEqual([]);
});

it('is not kept by a row that the database refuses from what else was held', async () => {
  const kind = newKind<number>({ workerCount: 2 });
  const other = newKind<number>({ workerCount: 2 });
  const [, , , , refused] = await push(kind, 5);
  const [held] = await push(other, 5);
  const working = await work(kind);
  const holder = await lock([refused!, held!]);
  const others: number[] = [];
  worker!.queue.registerKind(other, ({ payload }) => void others.push(payload));
  working.open();
  await until(() => working.ran.length === 4 && others.length === 4);
  await untilPassed(working);
  await producer.dataSource.query(`
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused by a trigger'; END $$;
    CREATE TRIGGER refuse BEFORE UPDATE ON pgqueue FOR EACH ROW WHEN (old.id = ${refused} AND new.claim_id IS NOT NULL)
      EXECUTE FUNCTION refuse()`);
  await holder.commitTransaction();
  await until(() => others.length === 5, 5000);
  await until(() => working.events.of('task-refused').some(({ id }) => id === refused));
  await untilPassed(working);
  // It is tried again after longer and longer waits, and by nobody else.
  const tries = working.events.of('task-refused').map((event) => event.tries);
  expect(tries).toEqual(tries.map((_, index) => index + 1));
  expect(working.events.of('connection-failed')).toEqual([]);
  await producer.dataSource.query('DROP TRIGGER refuse ON pgqueue; DROP FUNCTION refuse()');
  await until(() => working.ran.length === 5, 20_000);
});

it('starts a task whose cancel was rolled back', async () => {
  const kind = newKind<number>({ workerCount: 1 });
  await push(kind, 3);
  await producer.queue.pushTask({ kind, payload: 3, externalKey: 'cancelled' });
  const working = await work(kind);
  const runner = await begin();
  expect(await producer.queue.cancelTaskByKey(kind, 'cancelled', { manager: runner.manager })).toBe(true);
  working.open();
  await until(() => working.ran.length === 3);
  await untilPassed(working);
  expect(working.ran).toEqual([0, 1, 2]);
  await runner.rollbackTransaction();
  await until(() => working.ran.length === 4, 5000);
  expect(working.events.of('swept')).toEqual([]);
});

it('comes back for thousands of rows that were held', async () => {
  const kind = newKind<number>({ workerCount: 20 });
  const ids = await push(kind, 3000);
  const working = await work(kind);
  const holder = await lock(ids.slice(500));
  working.open();
  await until(() => working.ran.length === 500);
  await untilPassed(working);
  await holder.rollbackTransaction();
  await until(() => working.ran.length === 3000, 20_000);
  expect(sorted(working.ran)).toEqual(upTo(3000));
  expect(working.events.of('swept')).toEqual([]);
});

it('goes on behind a row that is held where sizes are looked at first', async () => {
  const kind = newKind<number>({ workerCount: 2 });
  const ids = await push(kind, 10);
  const working = await work(kind, { maxPayloadMemory: 16 * 1024 });
  const holder = await lock([ids[4]!]);
  working.open();
  await until(() => working.ran.length === 9);
  await untilPassed(working);
  await holder.rollbackTransaction();
  await until(() => working.ran.length === 10, 5000);
  expect(working.events.of('swept')).toEqual([]);
});

interface Work {
  events: RecordedEvents;
  /** The payloads of what ran. */
  ran: number[];
  /** Nothing ends before. */
  open(): void;
}

/**
 * A worker of the kind, in whose time no sweep comes. Its tasks wait behind a first one, until claims may pass whatever was pushed
 * before: a transaction that begins then is not waited for.
 */
async function work(
  kind: TaskDefinition<number>,
  options: { maxPayloadMemory?: number } = {},
): Promise<Work> {
  await producer.dataSource.query(
    `INSERT INTO pgqueue_registry (job, updated_at) VALUES ('sweep:${kind.kind}', clock_timestamp() + interval '1 hour')`,
  );
  worker = await openApp({ options: { autoStart: false, ...options } });
  const events = recordEvents(worker.queue);
  const gate = deferred<void>();
  const ran: number[] = [];
  worker.queue.registerKind(kind, async ({ payload }) => {
    await gate.promise;
    ran.push(payload);
  });
  // With a free slot there are claims.
  worker.queue.registerKind(newKind(), () => {});
  await worker.queue.start();
  await events.first('tasks-claimed');
  const startedAt = performance.now();
  await until(() => performance.now() - startedAt > LONG_ENOUGH_MS);
  return { events, ran, open: () => gate.resolve() };
}

/** The claims that are made next find nothing, and the cursor passes all. */
async function untilPassed({ events }: Work): Promise<void> {
  const claims = events.of('claimed').length;
  await until(() => events.of('claimed').length > claims + 10, 20_000);
}

async function begin(): Promise<QueryRunner> {
  const runner = producer.dataSource.createQueryRunner();
  transactions.push(runner);
  await runner.startTransaction();
  return runner;
}

/** Locks rows in a transaction of the application's. */
async function lock(ids: readonly string[]): Promise<QueryRunner> {
  const runner = await begin();
  await runner.query('SELECT FROM pgqueue WHERE id = ANY ($1::bigint[]) FOR UPDATE', [ids]);
  return runner;
}

async function push(kind: TaskDefinition<number>, count: number): Promise<string[]> {
  const pushed = await producer.queue.pushTasks(
    Array.from({ length: count }, (_, payload) => ({ kind, payload })),
  );
  return pushed.map(({ id }) => id!);
}

const sorted = (numbers: readonly number[]) => numbers.toSorted((a, b) => a - b);
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index);
