import { AsyncLocalStorage } from 'node:async_hooks';
import { setMaxListeners } from 'node:events';
import type { ConnectionOptions } from './connection-options.js';
import type { Database } from './database.js';
import { DedicatedDatabase } from './dedicated-database.js';
import type { Row, RunStatement } from './executor.js';
import { micros } from './sql/clock.sql.js';
import { NotConnectedError } from './sql-state.js';

/** A connection stays open for so long, so that a visitor of several pages keeps it. */
const IDLE_MS = 5000;
const GRACE_MS = 400;

/** A backend by its number and its start: one name may lead to several servers, whose backends have the same numbers. */
const BACKEND = `SELECT pid::text, ${micros('backend_start')}::text AS started FROM pg_stat_get_activity(pg_backend_pid())`;
const CANCEL = `SELECT pg_cancel_backend(pid) FROM pg_stat_get_activity($1::int)
WHERE ${micros('backend_start')} = $2::bigint`;

/** A few connections that are not the application's, for statements that may be cancelled. */
export interface LaneOptions {
  /** At most so many connections. */
  readonly connections: number;
  /** How long a statement may take. */
  readonly statementTimeoutMs: number;
  readonly transactionPooling: boolean;
}

const abortSignals = new AsyncLocalStorage<AbortSignal | undefined>();

/** Runs `work`, whose statements in lanes are cancelled when the signal aborts. */
export function untilAborted<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  // The transaction of each database listens, and Node takes more than ten listeners for a leak.
  setMaxListeners(0, signal);
  return abortSignals.run(signal, work);
}

/** Runs work that no signal cancels: it must be done although nobody waits for it any more. */
export function evenIfAborted<T>(work: () => Promise<T>): Promise<T> {
  return abortSignals.run(undefined, work);
}

/** A database reached by a few connections of its own, so that what runs here takes none of the application's. */
export class LaneDatabase implements Pick<Database, 'transaction'> {
  private readonly lane: DedicatedDatabase;
  private readonly canceller: DedicatedDatabase;
  private connection: ConnectionOptions | undefined;

  constructor(
    database: () => Pick<Database, 'connectionOptions'>,
    { connections: most, statementTimeoutMs, transactionPooling }: LaneOptions,
  ) {
    // Of several replicas the same one, whose statements the canceller ends; as long as it can be reached.
    const connectionOptions = () => (this.connection ??= database().connectionOptions());
    const reach = (connections: number) =>
      new DedicatedDatabase(() => ({ connectionOptions }), {
        role: 'dashboard',
        connections,
        idleMs: IDLE_MS,
        // A server that works ends a statement by itself, and needs a moment to say so.
        statementTimeoutMs: statementTimeoutMs + GRACE_MS,
        transactionPooling,
      });
    this.lane = reach(most);
    this.canceller = reach(1);
  }

  readonly transaction: Database['transaction'] = (work) => {
    const signal = abortSignals.getStore();
    return this.lane
      .transaction((run) => (signal ? this.untilCancelled(signal, run, work) : work(run)))
      .catch((error: unknown) => {
        if (signal?.aborted) {
          throw signal.reason;
        }
        if (!(error instanceof NotConnectedError)) {
          throw error;
        }
        // The application may have other options by now, such as a new password.
        this.connection = undefined;
        // The cause says why there was no connection.
        throw error.cause ?? error;
      });
  };

  /** Bounded, whatever the server does. */
  async close(): Promise<void> {
    await Promise.all([this.lane.close(), this.canceller.close()]);
  }

  private async untilCancelled<T>(
    signal: AbortSignal,
    run: RunStatement,
    work: (run: RunStatement) => Promise<T>,
  ): Promise<T> {
    signal.throwIfAborted();
    const [backend] = await run(BACKEND, []);
    let cancelled: Promise<unknown> | undefined;
    const cancel = () => {
      cancelled = this.cancel(backend!);
    };
    signal.addEventListener('abort', cancel, { once: true });
    try {
      const result = await work((sql, parameters) => {
        signal.throwIfAborted();
        return run(sql, parameters);
      });
      // Nobody waits for the result any more: the transaction is rolled back.
      signal.throwIfAborted();
      return result;
    } catch (error) {
      throw signal.aborted ? signal.reason : error;
    } finally {
      signal.removeEventListener('abort', cancel);
      // The backend stays in this transaction until the cancel has ended, so that no later statement is cancelled.
      await cancelled;
    }
  }

  /** Cancels the statement of a backend. Where that fails, the statement ends by its timeout. */
  private async cancel({ pid, started }: Row): Promise<void> {
    await this.canceller.transaction((run) => run(CANCEL, [pid, started])).catch(() => undefined);
  }
}
