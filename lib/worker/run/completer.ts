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

export interface CompleterDeps {
  database: Database;
  repository: TaskRepository;
  pools: ReadonlyMap<number, SettledKind>;
  origin: TaskOrigin;
  /** The other databases of the queue, in which another task may have the same number. */
  otherDatabases: readonly Database[];
}

/** Settles attempts as succeeded in transactions of their handlers. */
export class Completer {
  constructor(private readonly deps: CompleterDeps) {}

  /**
   * Completes an attempt if, and only if, the transaction commits. Again in the same transaction it changes nothing.
   * @throws InvalidManagerError outside of a transaction, and for one of another database
   * @throws LeaseLostError when the attempt has timed out, or no longer holds its task
   */
  async complete(attempt: Attempt, transaction: Manager | Executor): Promise<void> {
    const { database, repository, pools, origin } = this.deps;
    const run = database.runIn(transaction);
    assertOpen(transaction);
    if (this.deps.otherDatabases.some((other) => other.owns(transaction))) {
      throw new InvalidManagerError(`executor: is of another database than task ${origin.idOf(attempt.id)}`);
    }
    if (attempt.lost || attempt.state !== 'running') {
      throw this.lost(attempt);
    }
    const pool = pools.get(attempt.claimed.kind)!;
    const keep = keepsTerminal(pool.options, (error) => pool.reportInvalid(error));
    const { completed } = attempt;
    // Until the answer is here, the task may be completed.
    attempt.completed = true;
    const completion = await repository.complete(run, attempt, keep).catch((error: unknown) => {
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
    return new LeaseLostError(
      `task ${this.deps.origin.idOf(id)}: attempt ${number} no longer holds its lease`,
    );
  }
}
