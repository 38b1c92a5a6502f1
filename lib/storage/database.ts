import type { ConnectionOptions } from './connection-options.js';
import type { Executor, Manager } from '../task/transaction.js';
import type { DatabaseError } from '../errors/pg-queue.errors.js';
import type { RunStatement } from './executor.js';

/** Everything that the queue needs from the application's own database library. */
export interface Database {
  /** Runs a statement outside any transaction of the caller's. */
  readonly run: RunStatement;
  /** Runs statements that commit or roll back together: with the caller's transaction, or in one of their own. */
  transaction<T>(work: (run: RunStatement) => Promise<T>, within?: Manager | Executor): Promise<T>;
  /** Runs statements in the caller's transaction. @throws InvalidManagerError when it can't carry a statement of this queue. */
  runIn(transaction: Manager | Executor): RunStatement;
  /** The error for a message that only says that a connection is gone, when this database lost some since then. */
  explainLost(message: string, since: number): DatabaseError | undefined;
  /** Whether a transaction is of this database; undefined where it is unknown. */
  owns(transaction: Manager | Executor): boolean | undefined;
  /** Opens what is not open yet, so that statements can run. */
  prepare(): Promise<void>;
  /** The application ends: whatever `prepare` still opens is closed again. */
  close(): void;
  /** How the queue's own connections reach the server. */
  connectionOptions(): ConnectionOptions;
  /** The same on a replica, which can only be read; undefined where there is none. */
  readonly replica: Pick<Database, 'transaction' | 'connectionOptions'> | undefined;
  /** The schema that the library itself uses by default. */
  readonly defaultSchema: string;
}
