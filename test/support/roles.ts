import pg from 'pg';

/** Drops roles whose database is gone. @param url of that database */
export async function dropRoles(url: string, roles: readonly string[]): Promise<void> {
  const client = new pg.Client(new URL('/postgres', url).href);
  await client.connect();
  try {
    await client.query(`DROP ROLE ${roles.join(', ')}`);
  } finally {
    await client.end();
  }
}
