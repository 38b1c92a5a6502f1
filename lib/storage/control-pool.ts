import pg from 'pg';
import { type ConnectionOptions, withSessionOptions } from './connection-options.js';
import { cleanError } from './database-error.js';
import { leavesSessionUsable, NotConnectedError } from './sql-state.js';

/**
 * How every connection of the queue's own is set up. A queue's table is empty at one moment and holds millions the next: a
 * plan that was cached while it was empty would read all of it. With these settings every statement walks an index.
 */
const PLANNING = {
  enable_seqscan: 'off',
  enable_bitmapscan: 'off',
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
  jit: 'off',
  plan_cache_mode: 'force_generic_plan',
};

/** What only a session of one's own can be set to. */
const SESSION = {
  // The server notices within a quarter of a minute that a client's machine is gone.
  tcp_keepalives_idle: '5',
  tcp_keepalives_interval: '3',
  tcp_keepalives_count: '3',
  default_transaction_isolation: 'read\\ committed',
};

/** What the application may have limited for itself; sent at the start of a session it would go before the queue's own limits. */
const NOT_INHERITED = {
  statement_timeout: undefined,
  lock_timeout: undefined,
  idle_in_transaction_session_timeout: undefined,
  // Every value comes as the server's text.
  binary: false,
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
  /** How long an unused connection stays open. Default 30 s. */
  idleMs?: number;
  /** A pooler in transaction mode stands between: no prepared statements, and settings only within a transaction. */
  transactionPooling: boolean;
  onError: (error: Error) => void;
  /** Told of each new connection: it may lead to another server. */
  onConnect?: () => void;
  /** Pools of the same process, whose connections this one shares while it can have none of its own. */
  lenders?: () => readonly ControlPool[];
}

/** Where the server has no connection left, the next is asked for after so long. */
const SHORT_MS = 5000;

interface Taken {
  readonly client: pg.PoolClient;
  /** Set up as this pool's connections are; one that is lent is not. */
  readonly own: boolean;
}

export interface TransactionSettings {
  readonly settings: Readonly<Record<string, string>>;
  /** Default: the pool's. */
  readonly deadlineMs?: number;
}

/** What is done in a transaction, by a function that runs statements in it. */
export type TransactionWork<T> = (
  query: (text: string, values?: unknown[]) => Promise<TextRow[]>,
) => Promise<T>;

/** One row as text, column by column. */
export type TextRow = Record<string, string | null>;

/** A small pool for the queue's own traffic, so that handlers that use up the application's can't stop it. */
export class ControlPool {
  private readonly pool: pg.Pool;
  private readonly clients = new Set<pg.PoolClient>();
  private ended: Promise<void> | undefined;
  /** When another connection may be asked for, after one was refused. */
  private shortUntil = 0;

  constructor(private readonly options: ControlPoolOptions) {
    const { connection, max, transactionPooling, deadlineMs, idleMs = 30_000, onError, onConnect } = options;
    this.pool = new pg.Pool({
      ...(transactionPooling ? connection : withSessionOptions(connection, sessionOptions(options))),
      ...NOT_INHERITED,
      max,
      min: 0,
      idleTimeoutMillis: idleMs,
      allowExitOnIdle: false,
      connectionTimeoutMillis: Math.min(deadlineMs, connection.connectionTimeoutMillis || deadlineMs),
      query_timeout: deadlineMs,
      keepAlive: true,
      // The application may have changed how pg reads types; here every value comes as the server's text.
      types: { getTypeParser: () => (value: string | Buffer) => value } as unknown as pg.CustomTypesConfig,
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
    return this.use(async (taken) =>
      this.options.transactionPooling || !taken.own
        ? this.within(taken, { settings: {} }, (query) => query(text, values))
        : (await taken.client.query<TextRow>({ name: `pgqueue_${name}`, text, values })).rows,
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
    const set = Object.entries(all).map(([name, value]) => `SET LOCAL ${name} = '${value}'`);
    await client.query(['BEGIN ISOLATION LEVEL READ COMMITTED', ...set].join('; '));
    const result = await work(async (text, values = []) => {
      const query = { text, values, query_timeout: deadlineMs };
      return (await client.query<TextRow>(query)).rows;
    });
    await client.query('COMMIT');
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
      taken.client.release(await brokenBy(taken.client, error));
      throw cleanError(error);
    }
  }

  /**
   * A connection of its own, or where there is none to be had another pool's: whoever can do one of the things that a process does
   * can do all of them.
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

  /** What is open already: its own, which is waited for, or that of a lender. */
  private share(): Promise<Taken> | undefined {
    const lender = this.isOpen ? this : this.options.lenders?.().find(({ isOpen }) => isOpen);
    if (!lender || lender.ended) {
      return undefined;
    }
    // It opens no other one meanwhile: who waits for one that is open must not get the refusal of another.
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

/** @returns the error, unless the server refused a statement and the connection is as it was: while they are short, none may be wasted */
async function brokenBy(client: pg.PoolClient, error: unknown): Promise<Error | undefined> {
  if (leavesSessionUsable(error)) {
    try {
      await client.query('ROLLBACK');
      return undefined;
    } catch {
      // An open transaction is rolled back by the server when its connection goes.
    }
  }
  return error as Error;
}

/** Nothing here thinks between two statements: who does was halted, and must not hold what others have to rescue. */
function idleTimeout(deadlineMs: number): string {
  return String(Math.min(deadlineMs, 3000));
}

function transactionSettings({ deadlineMs, lockTimeoutMs = deadlineMs }: ControlPoolOptions) {
  return {
    ...PLANNING,
    lock_timeout: String(lockTimeoutMs),
    idle_in_transaction_session_timeout: idleTimeout(deadlineMs),
  };
}

function sessionOptions(options: ControlPoolOptions): string[] {
  const settings = {
    ...SESSION,
    ...transactionSettings(options),
    statement_timeout: String(options.deadlineMs),
  };
  return Object.entries(settings).map(([name, value]) => `-c ${name}=${value}`);
}
