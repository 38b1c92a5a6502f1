import pg from 'pg';
import type { Database } from './database.js';
import { inTransactionOf } from './executor.js';

/** A pool of `pg` as the queue's database, for programs without an application. */
export class PgDatabase implements Pick<Database, 'transaction'> {
  private readonly pool: pg.Pool;

  constructor(connectionString: string, connectionTimeoutMillis: number) {
    this.pool = new pg.Pool({ connectionString, connectionTimeoutMillis, max: 2 });
    // What breaks while idle is reported by the query that meets it.
    this.pool.on('error', () => undefined);
  }

  transaction: Database['transaction'] = (work) => inTransactionOf(this.pool, work);

  close(): Promise<void> {
    return this.pool.end();
  }
}
