import { errorMonitor, type EventEmitter } from 'node:events';
import type { DatabaseError } from '../errors/pg-queue.errors.js';
import { type ConnectionOptions, optionsOf } from './connection-options.js';
import type { Executor, Manager } from '../task/transaction.js';
import type { Database } from './database.js';
import {
  assertTransaction,
  inTransactionOf,
  isPool,
  type PgPool,
  type RunStatement,
  rowsOf,
  runIn,
  transactionIn,
  withClient,
} from './executor.js';
import { LostConnections } from './lost-connections.js';
import { PreparedStatements } from './prepared-statements.js';

/** Applications of one process may share a pool. */
const lostOf = new WeakMap<PgPool, LostConnections>();
/** The pool of each connection that was opened since the queue knows the pool. */
const poolOf = new WeakMap<object, PgPool>();

/** A pool of `pg` as the queue's database. The application owns it and ends it. */
export class PgDatabase implements Database {
  readonly defaultSchema = 'public';
  readonly replica = undefined;
  private readonly prepared: PreparedStatements | undefined;
  private readonly lost: LostConnections;

  /** @param prepares whether statements outside of transactions may be prepared */
  constructor(
    private readonly pool: PgPool,
    prepares = true,
  ) {
    this.prepared = prepares ? new PreparedStatements() : undefined;
    this.lost = lostOf.get(pool) ?? guard(pool);
  }

  readonly run: RunStatement = (text, values) => {
    const plainly = async () => rowsOf(await withClient(this.pool, (client) => client.query(text, values)));
    return this.prepared
      ? this.prepared.run(
          text,
          async (name) =>
            rowsOf(await withClient(this.pool, (client) => client.query({ name, text, values }))),
          plainly,
        )
      : plainly();
  };

  transaction<T>(work: (run: RunStatement) => Promise<T>, within?: Manager | Executor): Promise<T> {
    return within
      ? transactionIn(within, work, (transaction) => this.runIn(transaction))
      : inTransactionOf(this.pool, work);
  }

  /** Takes every TypeORM manager, since it is unknown whether it reaches the same database. */
  runIn(transaction: Manager | Executor): RunStatement {
    assertTransaction(transaction);
    this.lost.assertHeld(transaction);
    return runIn(transaction, () => true);
  }

  explainLost(message: string, since: number): DatabaseError | undefined {
    return this.lost.explain(message, since);
  }

  /** A connection that is not known to be of this pool may lead to its database all the same. */
  owns(transaction: Manager | Executor): boolean | undefined {
    if (isPool(transaction)) {
      return (transaction as unknown) === this.pool;
    }
    return poolOf.get(transaction) === this.pool || undefined;
  }

  /** Does nothing: a pool connects when it runs a statement. */
  async prepare(): Promise<void> {}

  /** Does nothing: the application ends the pool. */
  close(): void {}

  connectionOptions(): ConnectionOptions {
    return optionsOf(this.pool);
  }
}

function guard(pool: PgPool): LostConnections {
  const lost = new LostConnections();
  lostOf.set(pool, lost);
  // A connection that breaks while idle would end the process.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => {
    poolOf.set(client, pool);
    // One that breaks in use is its holder's, who may want the process to end by it.
    (client as EventEmitter).on(errorMonitor, (error) => lost.add(client, error));
  });
  return lost;
}
