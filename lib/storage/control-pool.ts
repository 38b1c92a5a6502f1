import { callbackify } from 'node:util';
import pg from 'pg';
import {
  sendQuery,
  type ConnectionOptions,
  cut,
  ownClient,
  type OwnClientOptions,
  type TextRow,
} from './connection-options.js';
import { type SessionLimits, sessionSettings, setAll, transactionSettings } from './own-session.js';
import { cleanError } from './database-error.js';
import { leavesSessionUsable, NotConnectedError } from './sql-state.js';

/** What the queue's own connections share. */
export interface ControlPoolOptions extends OwnClientOptions, SessionLimits {
  /** How to reach the server: the application's own settings, read at each new connection. */
  connection: () => ConnectionOptions;
  /** At most so many connections. */
  max: number;
  /** How long a statement may take by this process's clock, too: a silent server must not stop the queue. */
  readonly deadlineMs: number;
  /** How long an unused connection stays open. Default 30 s. */
  idleMs?: number;
  /** An expression of the search_path. Default: the queue's own. */
  path?: string;
  onError: (error: Error) => void;
  /** Is called at each new connection, which may lead to another server. */
  onConnect?: () => void;
  /** Pools of the same process, whose connections this one shares while it gets none of its own. */
  lenders?: () => readonly ControlPool[];
}

/** After the server has refused a connection, the next one is opened after so long. */
const SHORT_MS = 5000;

interface Taken {
  readonly client: pg.PoolClient;
  /** Whether it is set up as this pool's connections are; one of another pool is not. */
  readonly own: boolean;
}

export interface TransactionSettings {
  readonly settings: Readonly<Record<string, string>>;
  /** Default: the pool's. */
  readonly deadlineMs?: number;
}

/** Work in a transaction: it gets a function that runs statements in it. */
export type TransactionWork<T> = (
  query: (text: string, values?: unknown[]) => Promise<TextRow[]>,
) => Promise<T>;

/** A small pool for the queue's own traffic, so that handlers that use up the application's can't stop it. */
export class ControlPool {
  private readonly pool: pg.Pool;
  private readonly clients = new Set<pg.PoolClient>();
  private ended: Promise<void> | undefined;
  /** When another connection may be opened, after one was refused. */
  private shortUntil = 0;
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

  /** Reads the application's settings again: a password may have been rotated, a DataSource replaced. */
  private createClient(): pg.Client {
    const { connection, onError } = this.options;
    try {
      const current = connection();
      const client = ownClient(current, this.options);
      this.connection = current;
      return client;
    } catch (error) {
      // Between two DataSources there is none.
      onError(error as Error);
      return ownClient(this.connection, this.options);
    }
  }

  /** Sets a new connection up before it is used. */
  private readonly setUp = callbackify((client: pg.PoolClient) =>
    sendQuery(
      client,
      { text: setAll(sessionSettings(this.options), false, this.options.path) },
      this.options.deadlineMs,
    ),
  );

  /**
   * Runs one statement; a connection that fails is thrown away.
   * @param name under which the statement is prepared, once per connection
   * @throws NotConnectedError when there was no connection to send it on
   */
  query(name: string, text: string, values: unknown[] = []): Promise<TextRow[]> {
    return this.use(async (taken) =>
      this.options.transactionPooling || !taken.own
        ? this.within(taken, { settings: {} }, (query) => query(text, values))
        : (await sendQuery(taken.client, { name: `pgqueue_${name}`, text, values }, this.options.deadlineMs))
            .rows,
    );
  }

  /** Opens a connection, where there is none to be used. @throws NotConnectedError */
  async ensureOpen(): Promise<void> {
    await this.use(async () => undefined);
  }

  /** Whether it has a connection. */
  get isOpen(): boolean {
    return this.clients.size > 0;
  }

  /** Runs statements in one transaction, under settings and a deadline of its own. */
  transaction<T>(settings: TransactionSettings, work: TransactionWork<T>): Promise<T> {
    return this.use((taken) => this.within(taken, settings, work));
  }

  private async within<T>(
    { client, own }: Taken,
    { settings, deadlineMs = this.options.deadlineMs }: TransactionSettings,
    work: TransactionWork<T>,
  ): Promise<T> {
    const all = {
      ...(this.options.transactionPooling || !own ? transactionSettings(this.options) : {}),
      ...settings,
      statement_timeout: String(deadlineMs),
    };
    const run = async (text: string, values?: unknown[]) =>
      (await sendQuery(client, { text, ...(values ? { values } : {}) }, deadlineMs)).rows;
    await run(`BEGIN ISOLATION LEVEL READ COMMITTED; ${setAll(all, true, this.options.path)}`);
    const result = await work((text, values = []) => run(text, values));
    await run('COMMIT');
    return result;
  }

  private async use<T>(work: (taken: Taken) => Promise<T>): Promise<T> {
    const taken = await this.take().catch((error: unknown) => {
      throw new NotConnectedError(error);
    });
    try {
      const result = await work(taken);
      taken.client.release();
      return result;
    } catch (error) {
      taken.client.release(await brokenBy(taken.client, error, this.options.deadlineMs));
      throw cleanError(error);
    }
  }

  /**
   * A connection of this pool, or of another pool where this one gets none: a process that can do one part of its work can then do
   * all of it.
   */
  private async take(): Promise<Taken> {
    if (performance.now() < this.shortUntil) {
      const shared = this.share();
      if (shared) {
        return shared;
      }
    }
    this.pool.options.max = this.options.max;
    try {
      return { client: await this.pool.connect(), own: true };
    } catch (error) {
      const refused = !this.ended && this.pool.totalCount < this.options.max;
      this.shortUntil = refused ? performance.now() + SHORT_MS : 0;
      const shared = refused ? this.share() : undefined;
      if (!shared) {
        throw error;
      }
      this.options.onError(error as Error);
      return shared;
    }
  }

  /** A connection that is open already: one of this pool, for which the caller waits, or one of another pool. */
  private share(): Promise<Taken> | undefined {
    const lender = this.isOpen ? this : this.options.lenders?.().find(({ isOpen }) => isOpen);
    if (!lender || lender.ended) {
      return undefined;
    }
    // That pool opens no other connection meanwhile: whoever waits for an open one must not get the error of a refused one.
    lender.pool.options.max = lender.clients.size;
    lender.shortUntil = Math.max(lender.shortUntil, this.shortUntil);
    return lender.pool.connect().then((client) => ({ client, own: lender === this }));
  }

  /** Ends the connections; those that do not end in time are cut. */
  close(graceMs: number): Promise<void> {
    this.ended ??= this.end(graceMs);
    return this.ended;
  }

  private async end(graceMs: number): Promise<void> {
    const timer = setTimeout(() => {
      this.clients.forEach(cut);
    }, graceMs);
    try {
      await Promise.race([
        this.pool.end(),
        new Promise<void>((resolve) => setTimeout(resolve, graceMs * 2).unref()),
      ]);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** @returns the error, unless the server refused a statement and the connection is as it was: while they are short, none may be wasted */
async function brokenBy(
  client: pg.PoolClient,
  error: unknown,
  deadlineMs: number,
): Promise<Error | undefined> {
  if (leavesSessionUsable(error)) {
    try {
      await sendQuery(client, { text: 'ROLLBACK' }, deadlineMs);
      return undefined;
    } catch {
      // An open transaction is rolled back by the server when its connection goes.
    }
  }
  return error as Error;
}
