import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from './test-database.js';

describe('createTestDatabase', () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await createTestDatabase();
  });

  afterAll(() => database.drop());

  it('creates an empty database that holds any text', async () => {
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    const { rows } = await client.query(
      `SELECT current_database() AS name, pg_encoding_to_char(encoding) AS encoding, datcollate AS collation,
              (SELECT count(*)::int FROM pg_tables WHERE schemaname = 'public') AS tables
       FROM pg_database WHERE datname = current_database()`,
    );
    await client.end();
    expect(rows).toEqual([{ name: database.name, encoding: 'UTF8', collation: 'C', tables: 0 }]);
  });

  it('gives every caller a database of its own', async () => {
    const other = await createTestDatabase();
    expect(other.name).not.toBe(database.name);
    await other.drop();
  });

  it('drops a database that is still in use', async () => {
    const other = await createTestDatabase();
    const client = new pg.Client({ connectionString: other.url });
    const ended = new Promise((resolve) => client.on('error', resolve));
    await client.connect();
    await other.drop();
    expect(await ended).toMatchObject({ code: '57P01' });
    await expect(new pg.Client({ connectionString: other.url }).connect()).rejects.toMatchObject({
      code: '3D000',
    });
  });
});
