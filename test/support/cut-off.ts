import pg from 'pg';
import type { TestDatabase } from './test-database.js';
import { until } from './until.js';

/** Nobody reaches the database until the returned function is called. */
export async function cutOff({ url, name }: TestDatabase): Promise<() => Promise<void>> {
  const address = new URL(url);
  address.pathname = '/postgres';
  const admin = new pg.Client({ connectionString: address.href });
  await admin.connect();
  await admin.query(`ALTER DATABASE "${name}" WITH ALLOW_CONNECTIONS false`);
  await endSessions(admin, name);
  return async () => {
    await admin.query(`ALTER DATABASE "${name}" WITH ALLOW_CONNECTIONS true`);
    await admin.end();
  };
}

/** Connections can only read from now on, or write again. */
export async function setReadOnly({ url, name }: TestDatabase, readOnly: boolean): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query('SET default_transaction_read_only = off');
  await client.query(`ALTER DATABASE "${name}" SET default_transaction_read_only = ${readOnly}`);
  await endSessions(client, name);
  await client.end();
}

/** Ends the sessions that began before now, those too that were just about to. */
async function endSessions(client: pg.Client, database: string): Promise<void> {
  const { rows } = await client.query<{ now: string }>('SELECT clock_timestamp()::text AS now');
  await until(async () => {
    const ended = await client.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE datname = $1 AND pid <> pg_backend_pid() AND backend_start < $2`,
      [database, rows[0]!.now],
    );
    return ended.rowCount === 0;
  });
}
