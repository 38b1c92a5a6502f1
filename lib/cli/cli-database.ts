import pg from 'pg';
import { named } from '../storage/connection-options.js';
import { PgDatabase } from '../storage/pg-database.js';
import type { QueueSql } from '../storage/sql/index.js';
import { QueueEvents, DatabaseEvents } from '../events/queue-events.js';

const CONNECTION_TIMEOUT_MS = 10_000;
/** The most statements that a command runs at the same time: none waits for the connection of a server that does not respond. */
const MAX_CONNECTIONS = 4;

/** The address of a database, and its name in the queue. */
export interface DatabaseAddress {
  readonly name: string;
  /** The prefix of its tasks' ids. */
  readonly idPrefix: string;
  readonly url: string;
}

/** A database that a command works in, as `QueueAdmin` takes it. */
export class CliDatabase {
  readonly name: string;
  readonly events: DatabaseEvents;
  readonly database: PgDatabase;
  private readonly idPrefix: string;
  private readonly pool: pg.Pool;
  private readonly busy = new Set<Pick<pg.Client, 'end'>>();

  constructor(
    { name, idPrefix, url }: DatabaseAddress,
    readonly sql: QueueSql,
    command: string,
  ) {
    this.name = name;
    this.idPrefix = idPrefix;
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
    return `${this.idPrefix}${id}`;
  }

  /** Ends busy connections too: their server does not respond, no caller waits for them, and they would keep the process alive. */
  async close(): Promise<void> {
    const ended = this.pool.end();
    this.busy.forEach((client) => void client.end());
    await ended;
  }
}
