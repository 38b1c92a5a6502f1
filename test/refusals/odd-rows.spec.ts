import { afterEach, expect } from 'vitest';
import { QueueAdmin } from '../../lib/index.js';
import { databasePerFile, newKind, until } from '../support/index.js';

const { it, app } = databasePerFile({ app: {} });

it.beforeAll(async () => {
  // Rows of before there were constraints.
  const checks = await app.dataSource.query(
    `SELECT conname FROM pg_constraint WHERE conrelid = 'pgqueue'::regclass AND contype = 'c'`,
  );
  for (const { conname } of checks)
    await app.dataSource.query(`ALTER TABLE pgqueue DROP CONSTRAINT ${conname}`);
});

afterEach(() => app.dataSource.query('DELETE FROM pgqueue'));

it.each(['infinity', '294276-01-01', '3000-01-01'])(
  'a task parked until %s stops nothing and is shown',
  async (at) => {
    const kind = newKind();
    const ran: unknown[] = [];
    app.queue.registerKind(kind, ({ payload }) => void ran.push(payload));
    for (let n = 0; n < 3; n++) await insert(kind.kind, 'run_at', `'${at}'`);
    await app.queue.pushTask({ kind, payload: 1 });
    await until(() => ran.length === 1);
    const admin = app.get(QueueAdmin);
    const first = await admin.list({ kind, status: 'new' }, { limit: 2 });
    const second = await admin.list({ kind, status: 'new' }, { limit: 2, after: first.next! });
    expect(new Set([...first.tasks, ...second.tasks].map(({ id }) => id)).size).toBe(3);
    expect(second.next).toBeNull();
    expect((await admin.explain(first.tasks[0]!.id)).reason).toBe('not-due');
    expect((await admin.runNow({ kind })).changed).toBe(3);
    await until(() => ran.length === 4);
  },
);

it.each(['-infinity', '4713-01-01 BC', '1969-12-31'])('tasks that were due at %s run', async (at) => {
  const kind = newKind({ workerCount: 2 });
  for (let n = 0; n < 5; n++) await insert(kind.kind, 'run_at', `'${at}'`);
  let ran = 0;
  app.queue.registerKind(kind, () => void ran++);
  await until(() => ran === 5);
  expect(ran).toBe(5);
});

it.each([
  ['attempts_elapsed', '32767'],
  ['attempts_left', '-32768'],
])('a task whose %s is %s runs and is settled', async (column, value) => {
  const kind = newKind({ maxAttempts: 3 });
  await insert(kind.kind, column, value);
  let ran = 0;
  app.queue.registerKind(kind, () => void ran++);
  await until(async () => (await app.stored(`kind = ${kind.kind}`))[0]?.status === 'succeeded');
  expect(ran).toBe(1);
});

it('attempts that fail at the end of their counter are counted no further', async () => {
  const kind = newKind();
  await insert(kind.kind, 'attempts_elapsed, attempts_left', '32766, 3');
  let ran = 0;
  app.queue.registerKind(kind, () => {
    ran++;
    throw new Error('again');
  });
  const stored = async () => (await app.stored(`kind = ${kind.kind}`))[0]!;
  await until(async () => (await stored()).status === 'no_attempts_left');
  expect(ran).toBe(3);
  expect((await stored()).attempts_elapsed).toBe(32767);
});

const insert = (kind: number, columns: string, values: string) =>
  app.dataSource.query(`INSERT INTO pgqueue (kind, payload, ${columns}) VALUES (${kind}, '{}', ${values})`);
