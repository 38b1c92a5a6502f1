import type { RunStatement } from '../../storage/executor.js';
import { isAutocommit, commitsEach } from '../../storage/executor.js';
import { withKnownOutcome } from '../../producer/known-outcome.js';
import { InvalidManagerError } from '../../errors/pg-queue.errors.js';
import type { Executor, Manager, TransactionOptions } from '../../task/transaction.js';
import type { QueueDatabase } from '../queue-database.js';

/** The caller's transaction; undefined: the queue's own. */
export type CallerTransaction = Manager | Executor | undefined;

/**
 * The transaction that the options name, or else the one that the application is in.
 * @throws InvalidManagerError for options that name two
 */
export function transactionOf(
  { manager, executor }: TransactionOptions,
  ambient: () => TransactionOptions['manager'],
): CallerTransaction {
  if (manager && executor) {
    throw new InvalidManagerError('manager, executor: give one of them, not both');
  }
  return manager ?? executor ?? ambient();
}

/** Runs statements in the caller's transaction, or each in one of its own. */
export function runnerIn({ database }: QueueDatabase, transaction: CallerTransaction): RunStatement {
  return transaction ? database.runIn(transaction) : database.run;
}

/** Whether the change is committed when the call ends, and not later by the caller. */
export function commitsItself(transaction: CallerTransaction): boolean {
  return isOwn(transaction) || commitsEach(transaction!);
}

/**
 * Makes a change, and reports where its outcome is unknown. In a transaction of the caller's, the end of the transaction decides.
 * @throws OutcomeUnknownError, of a push PushOutcomeUnknownError, where it may be stored although it failed
 */
export function withOutcome<T>(
  what: 'push' | 'change',
  make: () => Promise<T>,
  transaction: CallerTransaction,
): Promise<T> {
  return commitsItself(transaction) ? withKnownOutcome(what, make, isOwn(transaction)) : make();
}

function isOwn(transaction: CallerTransaction): boolean {
  return transaction === undefined || isAutocommit(transaction);
}
