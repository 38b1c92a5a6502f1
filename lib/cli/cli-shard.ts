import pg from 'pg';
import type { AdminShard } from '../admin/admin-shard.js';
import { PgDatabase } from '../storage/pg-database.js';
import type { QueueSql } from '../storage/sql/index.js';
import { QueueEvents, ShardEvents } from '../task/queue-events.js';
import { idPrefixOf } from '../task/shard.js';

const CONNECTION_TIMEOUT_MS = 10_000;

/** A database, and under which name it is a shard. */
export interface ShardAddress {
  readonly name: string;
  readonly url: string;
}

/** A database that a command works in. */
export class CliShard implements AdminShard {
  readonly name: string;
  readonly events: ShardEvents;
  readonly database: PgDatabase;
  private readonly pool: pg.Pool;

  constructor(
    { name, url }: ShardAddress,
    readonly sql: QueueSql,
  ) {
    this.name = name;
    this.events = new ShardEvents(new QueueEvents(), name);
    this.pool = new pg.Pool({
      connectionString: url,
      connectionTimeoutMillis: CONNECTION_TIMEOUT_MS,
      max: 2,
    });
    this.database = new PgDatabase(this.pool);
  }

  idOf(id: string): string {
    return `${idPrefixOf(this.name)}${id}`;
  }

  close(): Promise<void> {
    return this.pool.end();
  }
}
