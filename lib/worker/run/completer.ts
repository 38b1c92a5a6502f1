import { assertOpen } from '../../storage/executor.js';
import { isCertainlyRolledBack } from '../../storage/sql-state.js';
import type { Database } from '../../storage/database.js';
import type { TaskRepository } from '../../storage/task.repository.js';
import { keepsTerminal } from '../../task/settlement.js';
import { InvalidManagerError, LeaseLostError } from '../../errors/pg-queue.errors.js';
import type { Executor, Manager } from '../../task/transaction.js';
import type { SettledKind } from '../settle/settler-entry.js';
import type { TaskOrigin } from '../task-origin.js';
import type { Attempt } from './attempt.js';

/** Settles attempts as succeeded in transactions of their handlers. */
export class Completer {
  /** @param otherDatabases those of the queue in which another task may have the same number */
  constructor(
    private readonly database: Database,
    private readonly otherDatabases: readonly Database[],
    private readonly origin: TaskOrigin,
    private readonly pools: ReadonlyMap<number, SettledKind>,
    private readonly repository: TaskRepository,
  ) {}

  /**
   * Completes an attempt if, and only if, the transaction commits. Again in the same transaction it changes nothing.
   * @throws InvalidManagerError outside of a transaction, and for one of another database
   * @throws LeaseLostError when the attempt has timed out, or no longer holds its task
   */
  async complete(attempt: Attempt, transaction: Manager | Executor): Promise<void> {
    const run = this.database.runIn(transaction);
    assertOpen(transaction);
    if (this.otherDatabases.some((other) => other.owns(transaction))) {
      throw new InvalidManagerError(
        `executor: is of another database than task ${this.origin.idOf(attempt.id)}`,
      );
    }
    if (attempt.lost || attempt.state !== 'running') {
      throw this.lost(attempt);
    }
    const pool = this.pools.get(attempt.claimed.kind)!;
    const keep = keepsTerminal(pool.options, (error) => pool.reportInvalid(error));
    const { completed } = attempt;
    // Until the answer is here, the task may be completed.
    attempt.completed = true;
    const completion = await this.repository.complete(run, attempt, keep).catch((error: unknown) => {
      attempt.completed =
        completed || !(error instanceof InvalidManagerError || isCertainlyRolledBack(error));
      throw error;
    });
    if (completion.done) {
      attempt.completedIn = completion.xid;
    } else if (!completion.before) {
      attempt.completed = completed;
      throw this.lost(attempt);
    }
  }

  private lost({ id, number }: Attempt): LeaseLostError {
    return new LeaseLostError(`task ${this.origin.idOf(id)}: attempt ${number} no longer holds its lease`);
  }
}
