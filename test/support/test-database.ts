import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';
import { OVER, QUEUE_SCHEMA } from './over.js';

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
 *
 * @param options.plain whether it is for applications of the test's own, which know nothing of what the run is over
 * @param options.encoding of the database
 */
export async function createTestDatabase({ plain = false, encoding = 'UTF8' } = {}): Promise<TestDatabase> {
  const name = inject('databasePrefix') + randomBytes(6).toString('hex');
  const all = OVER === 'shards' ? [name, nameOfSecond(name)] : [name];
  for (const each of all) {
    await administer(`CREATE DATABASE "${each}" TEMPLATE template0 ENCODING '${encoding}' LOCALE 'C'`);
  }
  const url = new URL(inject('adminUrl'));
  url.pathname = `/${name}`;
  for (const statement of plain ? [] : preparations(name)) await administer(statement, url.href);
  return {
    name,
    url: url.href,
    drop: async () => {
      for (const each of all) await administer(`DROP DATABASE IF EXISTS "${each}" WITH (FORCE)`);
    },
  };
}

/** How an application reaches a database of the run's server. Other servers, and roles that a test makes itself, stay as they are. */
export function applicationUrl(url: string): string {
  const given = new URL(url);
  const admin = new URL(inject('adminUrl'));
  if (given.host !== admin.host || given.username !== admin.username) {
    return url;
  }
  const application = new URL(inject('applicationUrl'));
  application.pathname = given.pathname;
  application.search = given.search;
  return application.href;
}

/** The database of the second shard, beside that of the first. */
export function secondUrl(url: string): string {
  const second = new URL(inject('adminUrl'));
  second.pathname = nameOfSecond(new URL(url).pathname);
  return second.href;
}

const nameOfSecond = (name: string) => `${name}_second`;

/** What a database needs for what the run is over. */
function preparations(name: string): string[] {
  if (OVER === 'schema') {
    const schema = pg.escapeIdentifier(QUEUE_SCHEMA);
    return [
      `CREATE SCHEMA ${schema}`,
      // As that of `public`.
      `GRANT USAGE ON SCHEMA ${schema} TO PUBLIC`,
      `ALTER DATABASE "${name}" SET search_path = ${schema}, public`,
    ];
  }
  if (OVER === 'dml') {
    const role = new URL(inject('applicationUrl')).username;
    return [
      // Of its own tables the application is the owner; those of the queue are somebody else's.
      `GRANT USAGE, CREATE ON SCHEMA public TO "${role}"`,
      `ALTER DEFAULT PRIVILEGES GRANT USAGE ON SCHEMAS TO "${role}"`,
      `ALTER DEFAULT PRIVILEGES GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO "${role}"`,
      `ALTER DEFAULT PRIVILEGES GRANT SELECT, UPDATE ON SEQUENCES TO "${role}"`,
    ];
  }
  return [];
}

async function administer(statement: string, connectionString = inject('adminUrl')): Promise<void> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

/** A connection of its owner's, for what the fixture of a spec opens and closes. */
export async function openClient({ url }: TestDatabase): Promise<pg.Client & { close(): Promise<void> }> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return Object.assign(client, { close: () => client.end() });
}
