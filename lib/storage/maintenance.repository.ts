import type { ControlPool } from './control-pool.js';
import { intArray } from './pg-array.js';
import type { QueueSql } from './sql/index.js';

/** What happens once per period in the whole cluster, and what it deletes. */
export class MaintenanceRepository {
  constructor(
    private readonly pool: ControlPool,
    private readonly sql: QueueSql,
  ) {}

  /** @returns the jobs whose period is over and whose turn is this process's now. */
  async takeTurns(jobs: ReadonlyMap<string, number>): Promise<string[]> {
    const rows = await this.pool.query('take_turns', this.sql.takeTurns, [
      [...jobs.keys()],
      intArray([...jobs.values()], Math.round),
    ]);
    return rows.map((row) => row['job'] as string);
  }

  /** Gives a turn back that failed. */
  async returnTurn(job: string): Promise<void> {
    await this.pool.query('return_turn', this.sql.returnTurn, [job]);
  }

  /** Gives tasks of a kind whose priority no claim looks at the nearest one that they may have. */
  async alignPriorities(kind: number): Promise<void> {
    await this.pool.query('align_priorities', this.sql.alignPriorities, [kind]);
  }

  /** Deletes one batch of terminal tasks that are older than `ttlMs`, from `after` on, which is `newest` of the batch before. */
  async expire(
    kind: number,
    ttlMs: number,
    batch: number,
    after: string | null,
  ): Promise<{ count: number; newest: string | null }> {
    const rows = await this.pool.query('expire', this.sql.expire, [kind, Math.round(ttlMs), batch, after]);
    return { count: Number(rows[0]!['count']), newest: rows[0]!['newest'] ?? null };
  }
}
