import { expect } from 'vitest';
import { defineTask } from '../../lib/index.js';
import { databasePerFile } from '../support/index.js';

const Note = defineTask<{ n: number }>({ kind: 1, name: 'note' });
const PUSHES = 200;

const { it, app } = databasePerFile({ app: {} });

const push = (n: number) => app.queue.pushTask({ kind: Note, payload: { n } });

it('stores pushes that come at once by fewer statements, and tells each its own task', async () => {
  await app.dataSource.query('CREATE TABLE statement_log (at timestamptz DEFAULT clock_timestamp())');
  await app.dataSource.query(`
    CREATE FUNCTION log_statement() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO statement_log DEFAULT VALUES; RETURN NULL; END'`);
  await app.dataSource.query(
    'CREATE TRIGGER log_statement AFTER INSERT ON pgqueue FOR EACH STATEMENT EXECUTE FUNCTION log_statement()',
  );
  const results = await Promise.all(Array.from({ length: PUSHES }, (_, n) => push(n)));
  const stored = new Map((await app.stored()).map(({ id, payload }) => [id, payload]));
  expect(results.map(({ id }) => stored.get(id!))).toEqual(Array.from({ length: PUSHES }, (_, n) => ({ n })));
  expect(stored.size).toBe(PUSHES);
  const [{ statements }] = await app.dataSource.query(
    'SELECT count(*)::int AS statements FROM statement_log',
  );
  expect(statements).toBeLessThan(PUSHES / 4);
});

it('fails only the push that the database refuses', async () => {
  await app.dataSource.query(`DELETE FROM pgqueue`);
  await app.dataSource.query(`ALTER TABLE pgqueue ADD CONSTRAINT no_sevens CHECK (payload ->> 'n' <> '7')`);
  const outcomes = await Promise.allSettled(Array.from({ length: 20 }, (_, n) => push(n)));
  expect(outcomes.flatMap(({ status }, n) => (status === 'rejected' ? [n] : []))).toEqual([7]);
  expect(String((outcomes[7] as PromiseRejectedResult).reason)).toContain('no_sevens');
  const numbers = (await app.stored()).map(({ payload }) => (payload as { n: number }).n);
  expect(numbers.toSorted((a, b) => a - b)).toEqual(
    Array.from({ length: 20 }, (_, n) => n).filter((n) => n !== 7),
  );
});

it('goes by itself where a library slips an ambient transaction under the DataSource', async () => {
  await app.dataSource.query('ALTER TABLE pgqueue DROP CONSTRAINT no_sevens');
  await app.dataSource.query(`DELETE FROM pgqueue`);
  const { query } = app.dataSource;
  const runner = app.dataSource.createQueryRunner();
  await runner.startTransaction();
  app.dataSource.query = (sql: string, parameters?: unknown[]) => runner.query(sql, parameters) as never;
  try {
    await push(1);
    await app.queue.pushTask({ kind: Note, payload: { n: 2 }, externalKey: 'two' });
    await app.queue.pushTasks([
      { kind: Note, payload: { n: 3 } },
      { kind: Note, payload: { n: 4 }, externalKey: 'four' },
    ]);
  } finally {
    app.dataSource.query = query;
    await runner.rollbackTransaction();
    await runner.release();
  }
  expect((await app.stored()).map(({ payload }) => payload)).toEqual([1, 2, 3, 4].map((n) => ({ n })));
});

it('tells a large batch its ids, whether or not they follow each other', async () => {
  for (const increment of [1, 3]) {
    await app.dataSource.query('DELETE FROM pgqueue');
    await app.dataSource.query(`ALTER TABLE pgqueue ALTER id SET INCREMENT BY ${increment}`);
    const tasks = Array.from({ length: 500 }, (_, n) => ({ kind: Note, payload: { n } }));
    const results = await app.queue.pushTasks(tasks);
    const stored = new Map((await app.stored()).map(({ id, payload }) => [id, payload]));
    expect(results.map(({ id }) => stored.get(id!))).toEqual(tasks.map(({ payload }) => payload));
    expect(Number(results.at(-1)!.id) - Number(results[0]!.id)).toBe(499 * increment);
  }
});
