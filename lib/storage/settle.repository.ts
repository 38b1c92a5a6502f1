import type { AttemptRef, SettleAnswer, Settlement } from '../task/settlement.js';
import { listIn, OwnRepository, type StatementName } from './own-repository.js';
import { intArray } from './pg-array.js';

type Write<W extends Settlement['write']> = Extract<Settlement, { write: W }>;

/** An attempt that no longer holds its task, and the status of the task; null when the task is gone. */
export interface LostAttempt extends AttemptRef {
  readonly status: string | null;
}

/** Writes outcomes, guarded by the lease; each method is one statement for a whole batch. */
export class SettleRepository extends OwnRepository {
  delete(batch: readonly Write<'delete'>[]): Promise<SettleAnswer> {
    return this.settle('settleDeleting', batch);
  }

  finish(batch: readonly Write<'finish'>[]): Promise<SettleAnswer> {
    return this.settle('settleFinished', batch, [
      batch.map(({ status }) => status),
      batch.map(({ message }) => message),
      intArray(batch, ({ keep }) => keep),
    ]);
  }

  reopen(batch: readonly Write<'reopen'>[]): Promise<SettleAnswer> {
    return this.settle('settleReopened', batch, [
      intArray(batch, ({ delayMs }) => Math.round(delayMs)),
      intArray(batch, ({ back }) => (back ? 1 : 0)),
      batch.map(({ message }) => message),
      intArray(batch, ({ keep }) => keep),
    ]);
  }

  /** Cursors may be beyond these tasks: the caller must reset them afterwards. */
  unclaim(batch: readonly AttemptRef[]): Promise<SettleAnswer> {
    return this.settle('settleUnclaimed', batch);
  }

  /** Records that last attempts begin. @returns the ids of those that do, null for all; the others no longer hold their tasks. */
  async begin(attempts: readonly AttemptRef[]): Promise<ReadonlySet<number> | null> {
    return (await this.settle('begin', attempts)).settled;
  }

  /** Which of these attempts no longer hold their tasks. */
  async findLost(attempts: readonly AttemptRef[]): Promise<LostAttempt[]> {
    const [row] = await this.query('findLost', holders(attempts));
    const lost = listIn<[number, number, string | null]>(row, 'lost');
    return lost.map(([claimId, id, status]) => ({ id, claimId, status }));
  }

  /** Which of these transactions were rolled back. */
  async findRolledBack(xids: readonly string[]): Promise<ReadonlySet<string>> {
    const [row] = xids.length === 0 ? [] : await this.query('findRolledBack', [xids]);
    return new Set(listIn<string>(row, 'aborted'));
  }

  /** The ids of these attempts' tasks whose rows another transaction holds. */
  async findHeld(attempts: readonly AttemptRef[]): Promise<ReadonlySet<number>> {
    const [row] = await this.query('findHeld', [intArray(attempts, ({ id }) => id)]);
    return new Set(listIn<number>(row, 'held'));
  }

  private async settle(
    name: StatementName,
    attempts: readonly AttemptRef[],
    outcomes: readonly unknown[] = [],
  ): Promise<SettleAnswer> {
    const [row] = await this.query(name, [...holders(attempts), ...outcomes]);
    return {
      settled: row?.['settled'] ? new Set(listIn<number>(row, 'settled')) : null,
      exhausted: new Set(listIn<number>(row, 'exhausted')),
    };
  }
}

function holders(batch: readonly AttemptRef[]): unknown[] {
  return [intArray(batch, ({ id }) => id), intArray(batch, ({ claimId }) => claimId)];
}
