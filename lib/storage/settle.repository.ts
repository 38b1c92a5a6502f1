import type { AttemptRef, SettleAnswer, Settlement } from '../task/settlement.js';
import type { ControlPool, TextRow } from './control-pool.js';
import { intArray } from './pg-array.js';
import type { QueueSql } from './sql/index.js';

type Write<W extends Settlement['write']> = Extract<Settlement, { write: W }>;

/** An attempt that no longer holds its task, and the status of the task; null when the task is gone. */
export interface LostAttempt extends AttemptRef {
  readonly status: string | null;
}

/** Writes outcomes, guarded by the lease; each method is one statement for a whole batch. */
export class SettleRepository {
  constructor(
    private readonly pool: ControlPool,
    private readonly sql: QueueSql,
  ) {}

  async delete(batch: readonly Write<'delete'>[]): Promise<SettleAnswer> {
    return toAnswer(await this.pool.query('settle_deleting', this.sql.settleDeleting, holders(batch)));
  }

  async finish(batch: readonly Write<'finish'>[]): Promise<SettleAnswer> {
    return toAnswer(
      await this.pool.query('settle_finished', this.sql.settleFinished, [
        ...holders(batch),
        batch.map(({ status }) => status),
        batch.map(({ message }) => message),
        intArray(batch, ({ keep }) => keep),
      ]),
    );
  }

  async reopen(batch: readonly Write<'reopen'>[]): Promise<SettleAnswer> {
    return toAnswer(
      await this.pool.query('settle_reopened', this.sql.settleReopened, [
        ...holders(batch),
        intArray(batch, ({ delayMs }) => Math.round(delayMs)),
        intArray(batch, ({ back }) => (back ? 1 : 0)),
        batch.map(({ message }) => message),
        intArray(batch, ({ keep }) => keep),
      ]),
    );
  }

  /** Cursors may be beyond these tasks: the caller must reset them afterwards. */
  async unclaim(batch: readonly AttemptRef[]): Promise<SettleAnswer> {
    return toAnswer(await this.pool.query('settle_unclaimed', this.sql.settleUnclaimed, holders(batch)));
  }

  /** Records that last attempts begin. @returns the ids of those that do, null for all; the others no longer hold their tasks. */
  async begin(attempts: readonly AttemptRef[]): Promise<ReadonlySet<number> | null> {
    return toAnswer(await this.pool.query('begin', this.sql.begin, holders(attempts))).settled;
  }

  /** Which of these attempts no longer hold their tasks. */
  async findLost(attempts: readonly AttemptRef[]): Promise<LostAttempt[]> {
    const rows = await this.pool.query('find_lost', this.sql.findLost, holders(attempts));
    const lost = JSON.parse(rows[0]?.['lost'] ?? '[]') as [number, number, string | null][];
    return lost.map(([claimId, id, status]) => ({ id, claimId, status }));
  }

  /** Which of these transactions were rolled back. */
  async findRolledBack(xids: readonly string[]): Promise<ReadonlySet<string>> {
    if (xids.length === 0) {
      return new Set();
    }
    const rows = await this.pool.query('find_rolled_back', this.sql.findRolledBack, [xids]);
    return new Set(JSON.parse(rows[0]?.['aborted'] ?? '[]') as string[]);
  }

  /** The ids of these attempts' tasks whose rows another transaction holds. */
  async findHeld(attempts: readonly AttemptRef[]): Promise<ReadonlySet<number>> {
    const rows = await this.pool.query('find_held', this.sql.findHeld, [intArray(attempts, ({ id }) => id)]);
    return new Set(JSON.parse(rows[0]?.['held'] ?? '[]') as number[]);
  }
}

function holders(batch: readonly AttemptRef[]): unknown[] {
  return [intArray(batch, ({ id }) => id), intArray(batch, ({ claimId }) => claimId)];
}

function toAnswer([row]: TextRow[]): SettleAnswer {
  const settled = row?.['settled'];
  return {
    settled: settled ? new Set(JSON.parse(settled) as number[]) : null,
    exhausted: new Set(JSON.parse(row?.['exhausted'] ?? '[]') as number[]),
  };
}
