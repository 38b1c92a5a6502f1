import { randomBytes } from 'node:crypto';
import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { EmbeddedPostgres, THROW_AWAY } from '../../scripts/embedded-postgres/index.mjs';
import { startOver } from './over-server.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** The database server of the run, as its administrator. */
    adminUrl: string;
    /** The same server, as applications reach it. */
    applicationUrl: string;
    /** What the names of the run's databases begin with. */
    databasePrefix: string;
  }
}

const SETTINGS = { ...THROW_AWAY, max_connections: 300, max_prepared_transactions: 20 };

/** One database server serves the whole run: the one that DATABASE_URL names, else one started here. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const given = process.env['DATABASE_URL'];
  const server = given ? undefined : await EmbeddedPostgres.start(SETTINGS);
  const adminUrl = given ?? server!.url;
  const databasePrefix = `pgqueue_test_${randomBytes(4).toString('hex')}_`;
  const over = await startOver(adminUrl, databasePrefix);
  project.provide('adminUrl', adminUrl);
  project.provide('applicationUrl', over.applicationUrl);
  project.provide('databasePrefix', databasePrefix);
  return async () => {
    await dropLeftDatabases(adminUrl, databasePrefix);
    await over.stop();
    await server?.stop();
  };
}

async function dropLeftDatabases(adminUrl: string, prefix: string): Promise<void> {
  const client = new pg.Client({ connectionString: adminUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ datname: string }>(
      'SELECT datname FROM pg_database WHERE starts_with(datname, $1)',
      [prefix],
    );
    for (const { datname } of rows) await client.query(`DROP DATABASE "${datname}" WITH (FORCE)`);
  } finally {
    await client.end();
  }
}
