import pg from 'pg';
import type { AdminDatabase } from '../admin/admin-database.js';
import { named } from '../storage/connection-options.js';
import { PgDatabase } from '../storage/pg-database.js';
import type { QueueSql } from '../storage/sql/index.js';
import { QueueEvents, DatabaseEvents } from '../events/queue-events.js';
import { idPrefixOf } from '../cluster/shard-name.js';

const CONNECTION_TIMEOUT_MS = 10_000;
/** What a command asks at the same time: nothing then waits behind what a silent server keeps. */
const MAX_CONNECTIONS = 4;

/** A database, and under which name it is a shard. */
export interface ShardAddress {
  readonly name: string;
  readonly url: string;
}

/** A database that a command works in. */
export class CliShard implements AdminDatabase {
  readonly name: string;
  readonly events: DatabaseEvents;
  readonly database: PgDatabase;
  private readonly pool: pg.Pool;
  private readonly busy = new Set<Pick<pg.Client, 'end'>>();

  constructor(
    { name, url }: ShardAddress,
    readonly sql: QueueSql,
    command: string,
  ) {
    this.name = name;
    this.events = new DatabaseEvents(new QueueEvents(), name);
    this.pool = new pg.Pool({
      connectionString: url,
      ...named({ connectionString: url }, { role: `cli ${command}` }),
      connectionTimeoutMillis: CONNECTION_TIMEOUT_MS,
      max: MAX_CONNECTIONS,
    });
    this.pool.on('acquire', (client) => this.busy.add(client as pg.PoolClient & pg.Client));
    this.pool.on('release', (_, client) => this.busy.delete(client as pg.PoolClient & pg.Client));
    this.database = new PgDatabase(this.pool);
  }

  idOf(id: string): string {
    return `${idPrefixOf(this.name)}${id}`;
  }

  /** Nobody waits any more for a connection that is in use now: its server says nothing, and would keep the process. */
  async close(): Promise<void> {
    const ended = this.pool.end();
    this.busy.forEach((client) => void client.end());
    await ended;
  }
}
