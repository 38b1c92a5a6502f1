import pg from 'pg';
import type { TestDatabase } from './test-database.js';

/** Nobody reaches the database until the returned function is called. */
export async function cutOff({ url, name }: TestDatabase): Promise<() => Promise<void>> {
  const address = new URL(url);
  address.pathname = '/postgres';
  const admin = new pg.Client({ connectionString: address.href });
  await admin.connect();
  await admin.query(`ALTER DATABASE "${name}" WITH ALLOW_CONNECTIONS false`);
  await admin.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [name]);
  return async () => {
    await admin.query(`ALTER DATABASE "${name}" WITH ALLOW_CONNECTIONS true`);
    await admin.end();
  };
}
