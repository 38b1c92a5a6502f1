import pg from 'pg';
import type { ConnectionOptions } from './connection-options.js';
import { NotConnectedError } from './sql-state.js';

/**
 * How every connection of the queue's own is set up. A queue's table is empty at one moment and holds millions the next: a
 * plan that was cached while it was empty would read all of it. With these settings every statement walks an index.
 */
const SESSION_SETTINGS = {
  // The server notices within a quarter of a minute that a client's machine is gone.
  tcp_keepalives_idle: '5',
  tcp_keepalives_interval: '3',
  tcp_keepalives_count: '3',
  enable_seqscan: 'off',
  enable_bitmapscan: 'off',
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
  jit: 'off',
  plan_cache_mode: 'force_generic_plan',
  default_transaction_isolation: 'read\\ committed',
};

/** What the queue's own connections share. */
export interface ControlPoolOptions {
  /** How to reach the server: the application's own settings. */
  connection: ConnectionOptions;
  /** At most so many connections. */
  max: number;
  /** How long a statement may take, seen from here: a silent server must not stop the queue. */
  deadlineMs: number;
  /** How long a statement may wait for a row that another transaction holds. Default: as long as it may take. */
  lockTimeoutMs?: number;
  /** A pooler in transaction mode stands between: no session settings, no prepared statements. */
  transactionPooling: boolean;
  onError: (error: Error) => void;
  /** Told of each new connection: it may lead to another server. */
  onConnect?: () => void;
}

/** One row as text, column by column. */
export type TextRow = Record<string, string | null>;

/** A small pool for the queue's own traffic, so that handlers that use up the application's can't stop it. */
export class ControlPool {
  private readonly pool: pg.Pool;
  private readonly clients = new Set<pg.PoolClient>();
  private ended: Promise<void> | undefined;

  constructor(private readonly options: ControlPoolOptions) {
    const { connection, max, transactionPooling, deadlineMs, lockTimeoutMs = deadlineMs } = options;
    const { onError, onConnect } = options;
    this.pool = new pg.Pool({
      ...connection,
      max,
      min: 0,
      idleTimeoutMillis: 30_000,
      allowExitOnIdle: false,
      connectionTimeoutMillis: Math.min(deadlineMs, connection.connectionTimeoutMillis || deadlineMs),
      query_timeout: deadlineMs,
      keepAlive: true,
      // The application may have changed how pg reads types; here every value comes as the server's text.
      types: { getTypeParser: () => (value: string | Buffer) => value } as unknown as pg.CustomTypesConfig,
      ...(transactionPooling
        ? {}
        : { options: sessionOptions(connection.options, deadlineMs, lockTimeoutMs) }),
    });
    this.pool.on('error', onError);
    this.pool.on('connect', (client) => {
      this.clients.add(client);
      // A connection that breaks in use rejects its statement too.
      client.on('error', () => undefined);
      onConnect?.();
    });
    this.pool.on('remove', (client) => this.clients.delete(client));
  }

  /**
   * Runs one statement; a connection that fails is thrown away.
   * @param name under which the statement is prepared, once per connection
   * @throws NotConnectedError when there was no connection to send it on
   */
  query(name: string, text: string, values: unknown[] = []): Promise<TextRow[]> {
    const prepared = this.options.transactionPooling ? {} : { name: `pgqueue_${name}` };
    return this.use(async (client) => (await client.query<TextRow>({ ...prepared, text, values })).rows);
  }

  /** Runs statements in one transaction under other settings, for the few that must read a table whole. */
  transactionWith<T>(
    settings: Record<string, string>,
    work: (query: (text: string, values?: unknown[]) => Promise<TextRow[]>) => Promise<T>,
  ): Promise<T> {
    return this.use(async (client) => {
      await client.query('BEGIN');
      for (const [name, value] of Object.entries(settings)) {
        await client.query('SELECT set_config($1, $2, true)', [name, value]);
      }
      const result = await work(
        async (text, values = []) => (await client.query<TextRow>(text, values)).rows,
      );
      await client.query('COMMIT');
      return result;
    });
  }

  private async use<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const client = await this.pool.connect().catch((error: unknown) => {
      throw new NotConnectedError(error);
    });
    try {
      const result = await work(client);
      client.release();
      return result;
    } catch (error) {
      // An open transaction is rolled back by the server when its connection goes.
      client.release(error as Error);
      throw error;
    }
  }

  /** Ends the connections; those that do not end in time are cut. */
  close(graceMs: number): Promise<void> {
    this.ended ??= this.end(graceMs);
    return this.ended;
  }

  private async end(graceMs: number): Promise<void> {
    const cut = setTimeout(() => {
      for (const client of this.clients) {
        (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
      }
    }, graceMs);
    try {
      await Promise.race([
        this.pool.end(),
        new Promise<void>((resolve) => setTimeout(resolve, graceMs * 2).unref()),
      ]);
    } finally {
      clearTimeout(cut);
    }
  }
}

function sessionOptions(own: string | undefined, deadlineMs: number, lockTimeoutMs: number): string {
  const settings = {
    ...SESSION_SETTINGS,
    statement_timeout: String(deadlineMs),
    lock_timeout: String(lockTimeoutMs),
    // Nothing here thinks between two statements: who does was halted, and must not hold what others have to rescue.
    idle_in_transaction_session_timeout: String(Math.min(deadlineMs, 3000)),
  };
  const flags = Object.entries(settings).map(([name, value]) => `-c ${name}=${value}`);
  return [own, ...flags].filter(Boolean).join(' ');
}
