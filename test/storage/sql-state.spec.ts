import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { asRolledBack, isCertainlyRolledBack, NotConnectedError } from '../../lib/storage/sql-state.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

let database: TestDatabase;
let client: pg.Client;
beforeAll(async () => {
  database = await createTestDatabase();
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await client.query(`CREATE TABLE t (n int PRIMARY KEY CHECK (n < 100))`);
});
afterAll(async () => {
  await client.end();
  await database.drop();
});

const refusal = (sql: string) =>
  client.query(sql).then(
    () => undefined,
    (error: unknown) => error,
  );

it.each([
  ['INSERT INTO t VALUES (200)', '23514'],
  [`INSERT INTO t VALUES (1), (1)`, '23505'],
  [`INSERT INTO t VALUES ('x'::text::int)`, '22P02'],
  ['INSERT INTO missing VALUES (1)', '42P01'],
  [`DO 'BEGIN RAISE EXCEPTION ''no'' USING ERRCODE = ''57P01''; END'`, '57P01'],
  [`DO 'BEGIN RAISE EXCEPTION ''no'' USING ERRCODE = ''XX000''; END'`, 'XX000'],
  [`SET statement_timeout = 20; SELECT pg_sleep(5)`, '57014'],
])('knows that the server rolled back: %s (%s)', async (sql, code) => {
  const error = await refusal(sql);
  await client.query('SET statement_timeout = 0');
  expect((error as { code: string }).code).toBe(code);
  expect(isCertainlyRolledBack(error)).toBe(true);
});

it('does not know it when the server ends the session', async () => {
  const other = new pg.Client({ connectionString: database.url });
  await other.connect();
  other.on('error', () => undefined);
  const error = await other
    .query('SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(5)')
    .catch((e) => e);
  expect(error.code).toBe('57P01');
  expect(isCertainlyRolledBack(error)).toBe(false);
});

it.each([
  { code: 'XX000', severity: 'FATAL' },
  { code: '08P01', severity: 'FATAL' },
  { code: '58000', severity: 'ERROR' },
  { code: '23505', severity: 'ERROR' },
  { code: '40001', severity: 'ERROR' },
  { code: '40003', severity: 'ERROR', routine: 'f' },
  { code: '25P03', severity: 'FATAL', routine: 'ProcessInterrupts' },
  { code: '57P01', severity: 'FATAL', routine: 'ProcessInterrupts' },
  { code: 'XX000', severity: 'ERROR', routine: 'elog' },
  { code: 'EPIPE' },
  { code: 'ABCDE' },
])('does not know it of what a pooler or a library says: %o', (properties) => {
  expect(isCertainlyRolledBack(Object.assign(new Error('x'), properties))).toBe(false);
});

it('knows it of what was never sent', () => {
  expect(isCertainlyRolledBack(new NotConnectedError(new Error('x')))).toBe(true);
  expect(isCertainlyRolledBack(asRolledBack(new Error('x')))).toBe(true);
  for (const thrown of [undefined, null, 'x', new Error('x')]) {
    expect(isCertainlyRolledBack(thrown)).toBe(false);
  }
});
