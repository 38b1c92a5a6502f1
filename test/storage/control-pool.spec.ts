import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ControlPool } from '../../lib/storage/control-pool.js';
import { PgDatabase } from '../../lib/storage/pg-database.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase({ plain: true });
});
afterAll(() => database.drop());

it.each([
  ['none', '', undefined],
  ['those of its pool', '', '-c search_path=other'],
  ['those of its URL', '?options=-c%20search_path%3Dother', undefined],
  ['those of its URL, among others', '?a=1&options=-c+search_path%3Dother&application_name=me', undefined],
])("sets its sessions up whatever the application's options are: %s", async (_, query, options) => {
  const application = new pg.Pool({
    connectionString: database.url + query,
    statement_timeout: 1234,
    lock_timeout: 1234,
    idle_in_transaction_session_timeout: 1234,
    ...(options === undefined ? {} : { options }),
  });
  const pool = new ControlPool({
    connection: new PgDatabase(application).connectionOptions(),
    max: 1,
    deadlineMs: 5000,
    transactionPooling: false,
    onError: () => undefined,
  });
  const shown = async (name: string) => {
    const [row] = await pool.query(`show_${name}`, `SELECT current_setting('${name}') AS value`);
    return row!['value'];
  };
  try {
    expect(await shown('enable_seqscan')).toBe('off');
    expect(await shown('statement_timeout')).toBe('5s');
    expect(await shown('lock_timeout')).toBe('5s');
    expect(await shown('idle_in_transaction_session_timeout')).toBe('3s');
    expect(await shown('search_path')).toBe(query + options === 'undefined' ? '"$user", public' : 'other');
    expect(await shown('application_name')).toBe(query.includes('name=me') ? 'me' : '');
  } finally {
    await pool.close(100);
    await application.end();
  }
});
