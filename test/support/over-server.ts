import pg from 'pg';
import { findPgBouncer, startPgBouncer } from '../faults/support/pgbouncer.mjs';
import { OVER } from './over.js';

/** As many as the tests of a file hold in transactions at once. */
const POOL_SIZE = 40;

export interface OverServer {
  /** How applications reach the server; the path is that of no database in particular. */
  readonly applicationUrl: string;
  stop(): Promise<void>;
}

/** What stands between applications and the server for a whole run: a pooler, a role of few rights, or nothing. */
export async function startOver(adminUrl: string, prefix: string): Promise<OverServer> {
  switch (OVER) {
    case 'pgbouncer':
      return behindPgBouncer(adminUrl);
    case 'dml':
      return asRole(adminUrl, `${prefix}app`);
    default:
      return { applicationUrl: adminUrl, stop: async () => undefined };
  }
}

async function behindPgBouncer(adminUrl: string): Promise<OverServer> {
  const program = findPgBouncer();
  if (!program) {
    throw new Error('TEST_OVER=pgbouncer: PgBouncer is not installed on this machine');
  }
  const { url, stop } = await startPgBouncer(program, adminUrl, POOL_SIZE);
  return { applicationUrl: url, stop };
}

async function asRole(adminUrl: string, role: string): Promise<OverServer> {
  const client = new pg.Client({ connectionString: adminUrl });
  await client.connect();
  await client.query(`CREATE ROLE "${role}" LOGIN PASSWORD '${role}'`);
  await client.end();
  const url = new URL(adminUrl);
  url.username = url.password = role;
  const stop = async () => {
    const last = new pg.Client({ connectionString: adminUrl });
    await last.connect();
    await last.query(`DROP ROLE "${role}"`);
    await last.end();
  };
  return { applicationUrl: url.href, stop };
}
