import type { Executor, Manager } from '../task/transaction.js';
import { DatabaseError, InvalidManagerError } from '../errors/pg-queue.errors.js';
import { cleanError } from './database-error.js';
import { sqlState } from '../errors/sql-state.js';

/** The errors of TypeORM and `pg` for a statement whose connection was lost before. Neither contains the reason. */
const GONE = new RegExp(
  [
    'Query runner already released\\. Cannot run queries anymore\\.',
    'Database connection provided by a query runner was already released, cannot continue to use its querying methods anymore\\.',
    'Client (?:has encountered a connection error|was closed) and is not queryable',
  ].join('|'),
  'g',
);

const MOST_KEPT = 100;

/**
 * Why connections were lost that the application held. TypeORM releases the query runner of a connection that the server ended, for
 * example for being idle in a transaction (25P03), and its next query only says that it is released.
 */
export class LostConnections {
  private readonly causes = new WeakMap<object, DatabaseError>();
  private readonly last: { readonly at: number; readonly cause: DatabaseError }[] = [];

  /** @param holder what the application runs its statements with: a client of `pg`, a query runner of TypeORM */
  add(holder: object, error: unknown): void {
    const cause = cleanError(error);
    if (cause instanceof DatabaseError && !this.causes.has(holder)) {
      this.causes.set(holder, cause);
      this.last.push({ at: performance.now(), cause });
      this.last.splice(0, this.last.length - MOST_KEPT);
    }
  }

  /** @throws InvalidManagerError with the reason for one whose connection was lost */
  assertHeld(transaction: Manager | Executor): void {
    const { queryRunner } = transaction as { queryRunner?: object };
    const cause = this.causes.get(queryRunner ?? transaction);
    if (cause) {
      throw new InvalidManagerError(
        'manager, executor: the connection was lost, so the transaction is rolled back',
        { cause },
      );
    }
  }

  /**
   * The error for a message that only says that a connection is gone, with the reason; undefined for any other message. The message
   * does not say which connection it was: the error names all that were lost since then.
   */
  explain(message: string, since: number): DatabaseError | undefined {
    const causes = this.last.filter(({ at }) => at >= since).map(({ cause }) => cause);
    if (causes.length === 0 || message.search(GONE) < 0) {
      return undefined;
    }
    const why = [...new Set(causes.map((cause) => cause.message))].join(', or ');
    return new DatabaseError(
      message.replace(GONE, () => why),
      sqlState(causes[0]),
    );
  }
}
