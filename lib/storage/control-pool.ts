import pg from 'pg';
import {
  ask,
  type ConnectionOptions,
  type ConnectionPurpose,
  ownClient,
  type TextRow,
} from './connection-options.js';
import { sessionSettings, setAll, transactionSettings } from './own-session.js';
import { NotConnectedError } from './sql-state.js';

/** What the queue's own connections share. */
export interface ControlPoolOptions {
  /** How to reach the server: the application's own settings, asked for at each new connection. */
  connection: () => ConnectionOptions;
  purpose: ConnectionPurpose;
  /** At most so many connections. */
  max: number;
  /** How long a statement may take, seen from here: a silent server must not stop the queue. */
  deadlineMs: number;
  /** How long a statement may wait for a row that another transaction holds. Default: as long as it may take. */
  lockTimeoutMs?: number;
  /** How long an unused connection stays open. Default 30 s. */
  idleMs?: number;
  /** A pooler in transaction mode stands between: no prepared statements, and settings only within a transaction. */
  transactionPooling: boolean;
  onError: (error: Error) => void;
  /** Told of each new connection: it may lead to another server. */
  onConnect?: () => void;
}

export interface TransactionSettings {
  readonly settings: Readonly<Record<string, string>>;
  /** Default: the pool's. */
  readonly deadlineMs?: number;
}

export type { TextRow } from './connection-options.js';

/** A small pool for the queue's own traffic, so that handlers that use up the application's can't stop it. */
export class ControlPool {
  private readonly pool: pg.Pool;
  private readonly clients = new Set<pg.PoolClient>();
  private ended: Promise<void> | undefined;

  /** How the server was to be reached when it was last known. */
  private connection: ConnectionOptions;

  constructor(private readonly options: ControlPoolOptions) {
    const { connection, max, transactionPooling, deadlineMs, idleMs = 30_000, onError, onConnect } = options;
    this.connection = connection();
    const createClient = () => this.createClient();
    this.pool = new pg.Pool({
      max,
      min: 0,
      idleTimeoutMillis: idleMs,
      allowExitOnIdle: false,
      connectionTimeoutMillis: Math.min(deadlineMs, this.connection.connectionTimeoutMillis || deadlineMs),
      // What `new` makes is what the function returns.
      Client: function Client() {
        return createClient();
      } as unknown as new () => pg.Client,
      ...(transactionPooling ? {} : { verify: this.setUp }),
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

  /** By what the application says now: a password may have been rotated, a DataSource replaced. */
  private createClient(): pg.Client {
    const { connection, purpose, deadlineMs, onError } = this.options;
    try {
      const current = connection();
      const client = ownClient(current, purpose, deadlineMs);
      this.connection = current;
      return client;
    } catch (error) {
      // Between two DataSources there is none.
      onError(error as Error);
      return ownClient(this.connection, purpose, deadlineMs);
    }
  }

  /** Before a new connection is used. */
  private readonly setUp = (client: pg.PoolClient, done: (error?: Error) => void): void => {
    const { deadlineMs } = this.options;
    ask(client, { text: setAll(sessionSettings(this.options), false) }, deadlineMs).then(() => done(), done);
  };

  /**
   * Runs one statement; a connection that fails is thrown away.
   * @param name under which the statement is prepared, once per connection
   * @throws NotConnectedError when there was no connection to send it on
   */
  query(name: string, text: string, values: unknown[] = []): Promise<TextRow[]> {
    return this.options.transactionPooling
      ? this.transaction({ settings: {} }, (query) => query(text, values))
      : this.use(async (client) => {
          return (await ask(client, { name: `pgqueue_${name}`, text, values }, this.options.deadlineMs)).rows;
        });
  }

  /** Runs statements in one transaction, under settings and a deadline of its own. */
  transaction<T>(
    { settings, deadlineMs = this.options.deadlineMs }: TransactionSettings,
    work: (query: (text: string, values?: unknown[]) => Promise<TextRow[]>) => Promise<T>,
  ): Promise<T> {
    const all = {
      ...(this.options.transactionPooling ? transactionSettings(this.options) : {}),
      ...settings,
      statement_timeout: String(deadlineMs),
    };
    return this.use(async (client) => {
      const run = async (text: string, values?: unknown[]) =>
        (await ask(client, { text, ...(values ? { values } : {}) }, deadlineMs)).rows;
      await run(`BEGIN ISOLATION LEVEL READ COMMITTED; ${setAll(all, true)}`);
      const result = await work((text, values = []) => run(text, values));
      await run('COMMIT');
      return result;
    });
  }

  private async use<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const client = await this.connect();
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

  private async connect(): Promise<pg.PoolClient> {
    try {
      return await this.pool.connect();
    } catch (error) {
      throw new NotConnectedError(error);
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
