import type { ConnectionOptions } from './connection-options.js';
import type { Executor, Manager } from '../task/transaction.js';
import type { DatabaseError } from '../errors/pg-queue.errors.js';
import type { RunStatement } from './executor.js';

/** Everything that the queue asks of the application's own database library. */
export interface Database {
  /** Outside any transaction of the caller's. */
  readonly run: RunStatement;
  /** Several statements that commit or roll back together: with the caller's transaction, or by themselves where there is none. */
  transaction<T>(work: (run: RunStatement) => Promise<T>, within?: Manager | Executor): Promise<T>;
  /** Inside the caller's. @throws InvalidManagerError when it can't carry a statement of this queue. */
  runIn(transaction: Manager | Executor): RunStatement;
  /** The error for a message that only says that a connection is gone, when this database lost some since then. */
  explainLost(message: string, since: number): DatabaseError | undefined;
  /** Whether a transaction is this database's own; undefined where that can't be told. */
  owns(transaction: Manager | Executor): boolean | undefined;
  /** Makes what is not ready yet ready to be asked. */
  prepare(): Promise<void>;
  /** The application ends: what `prepare` is still opening is to be closed again. */
  close(): void;
  /** How the queue's own connections reach the server. */
  connectionOptions(): ConnectionOptions;
  /** The same on a replica, which can only be read; undefined where there is none. */
  readonly replica: Pick<Database, 'transaction' | 'connectionOptions'> | undefined;
  /** The schema that the library itself uses by default. */
  readonly defaultSchema: string;
}
