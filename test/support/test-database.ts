import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';

export interface TestDatabase {
  readonly name: string;
  /** A connection string for its owner, a superuser. */
  readonly url: string;
  /** Drops the database, and ends the connections that are left. */
  drop(): Promise<void>;
}

/**
 * Creates an empty database. Each test file has one of its own, so that files can run at the same time:
 *
 *     let database: TestDatabase;
 *     beforeAll(async () => { database = await createTestDatabase(); });
 *     afterAll(() => database.drop());
 */
export async function createTestDatabase(): Promise<TestDatabase> {
  const name = inject('databasePrefix') + randomBytes(6).toString('hex');
  await administer(`CREATE DATABASE "${name}" TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'`);
  const url = new URL(inject('adminUrl'));
  url.pathname = `/${name}`;
  return {
    name,
    url: url.href,
    drop: () => administer(`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`),
  };
}

async function administer(statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: inject('adminUrl') });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
