import { inspect } from 'node:util';
import { expect, vi } from 'vitest';
import { Logger } from '@nestjs/common';
import {
  DatabaseError,
  defineTask,
  MustCancelTaskError,
  noJitter,
  PgQueueError,
  QueueAdmin,
} from '../../lib/index.js';
import { outcomeOf } from '../../lib/task/outcome.js';
import { databasePerFile, IDLE, rejectionOf } from '../support/index.js';

const { it, app, openApp } = databasePerFile({ app: IDLE });

it.beforeAll(async () => {
  await app.dataSource.query(`
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN RAISE EXCEPTION ''no % %'', NEW.payload, NEW.external_key USING DETAIL = NEW.payload::text; END'`);
});

it.each([
  ['a constraint', `ALTER TABLE pgqueue ADD CONSTRAINT nope CHECK (kind <> 1) NOT VALID`, '23514'],
  ['a trigger', `CREATE TRIGGER t BEFORE INSERT ON pgqueue FOR EACH ROW EXECUTE FUNCTION refuse()`, 'P0001'],
])('a push that %s refuses leaks neither payload nor key', async (_, sql, code) => {
  await app.dataSource.query(sql);
  const task = { kind: Note, payload: { card: 'CANARY' }, externalKey: 'CANARY' };
  const errors = [
    await app.queue.pushTask(task).catch((e: unknown) => e),
    await app.queue.pushTasks([task, { kind: Note, payload: 'CANARY' }]).catch((e: unknown) => e),
    await app.dataSource
      .transaction((manager) => app.queue.pushTask(task, { manager }))
      .catch((e: unknown) => e),
  ];
  for (const error of errors) {
    expect(error).toBeInstanceOf(DatabaseError);
    expect(error).toMatchObject({ code });
    expect(inspect(error, { depth: 9, showHidden: true }) + JSON.stringify(error)).not.toContain('CANARY');
  }
  await app.dataSource.query('ALTER TABLE pgqueue DROP CONSTRAINT IF EXISTS nope');
  await app.dataSource.query('DROP TRIGGER IF EXISTS t ON pgqueue');
});

it('a refused key or payload is not quoted', async () => {
  const errors = [
    await app.queue.pushTask({ kind: Note, payload: 1, externalKey: 'CANARY\0' }).catch((e: unknown) => e),
    await app.queue
      .pushTask({ kind: Note, payload: { a: new Map([['CANARY', 1]]) } })
      .catch((e: unknown) => e),
  ];
  for (const error of errors) {
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('CANARY');
  }
});

it('no error, event or log line of a worker or of an operator shows what the database quotes', async () => {
  await app.dataSource.query(`
    CREATE FUNCTION refuse_outcome() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN RAISE EXCEPTION ''no %'', OLD.payload USING ERRCODE = ''22023'', DETAIL = OLD.external_key; END'`);
  const outcomes = `CREATE TRIGGER t BEFORE UPDATE OR DELETE ON pgqueue FOR EACH ROW WHEN (OLD.kind = 2 AND OLD.lease_id IS NOT NULL)
    EXECUTE FUNCTION refuse_outcome()`;
  await app.dataSource.query(outcomes);
  const worker = await openApp();
  const told: unknown[] = [];
  const tell = (...line: unknown[]) => void told.push(line);
  Logger.overrideLogger({ log: tell, warn: tell, error: tell });
  const events = worker.recordEvents();
  worker.queue.subscribe((event) => void told.push(event));
  const Secret = defineTask<unknown>({
    kind: 2,
    name: 'secret',
    attemptTimeout: '5s',
    backoff: noJitter(0),
    maxAttempts: 2,
  });
  worker.queue.registerKind(Secret, async (task) => {
    told.push(await rejectionOf(worker.dataSource.transaction((manager) => task.completeIn(manager))));
  });
  await worker.queue.pushTask({ kind: Secret, payload: { card: 'CANARY' }, externalKey: 'CANARY' });
  await events.first('task-refused');
  await worker.queue.stop();
  await app.dataSource.query('DROP TRIGGER t ON pgqueue');
  await app.dataSource.query(`DELETE FROM pgqueue`);
  await app.queue.pushTask({ kind: Secret, payload: { card: 'CANARY' }, externalKey: 'CANARY' });
  await app.dataSource.query(outcomes.replace(' AND OLD.lease_id IS NOT NULL', ''));
  const admin = app.get(QueueAdmin);
  for (const act of [
    () => app.queue.cancelTaskByKey(Secret, 'CANARY'),
    () => admin.cancel({ kind: 2 }),
    () => admin.delete({ kind: 2 }),
  ]) {
    told.push(await rejectionOf(act()));
  }
  await worker.close();
  expect(told.length).toBeGreaterThan(5);
  expect(inspect(told, { depth: 9, showHidden: true })).toContain('22023');
  expect(
    inspect(told, { depth: 9, showHidden: true, maxArrayLength: null }) + JSON.stringify(told),
  ).not.toContain('CANARY');
});

it('errors of another copy of the package are known', async () => {
  vi.resetModules();
  const other = await import('../../lib/errors/pg-queue.errors.js');
  const thrown = new other.MustCancelTaskError('stop');
  expect(other.MustCancelTaskError).not.toBe(MustCancelTaskError);
  expect(thrown).toBeInstanceOf(MustCancelTaskError);
  expect(thrown).toBeInstanceOf(PgQueueError);
  expect(thrown).not.toBeInstanceOf(DatabaseError);
  expect(outcomeOf(thrown)).toMatchObject({ type: 'cancelled' });
});

const Note = defineTask<unknown>({ kind: 1, name: 'note' });
