import { listIn, OwnRepository } from './own-repository.js';
import { intArray } from './pg-array.js';

/** The turns of maintenance jobs, and the statements of the cleanup. */
export class MaintenanceRepository extends OwnRepository {
  /** @returns the turns whose period is over and that this process has taken. */
  async takeTurns(jobs: ReadonlyMap<string, number>): Promise<string[]> {
    const rows = await this.query('takeTurns', [[...jobs.keys()], intArray([...jobs.values()], Math.round)]);
    return rows.map((row) => row['job'] as string);
  }

  /** Gives a turn back that failed. */
  async returnTurn(job: string): Promise<void> {
    await this.query('returnTurn', [job]);
  }

  /** Whether every task that is stored has ended. */
  async isEmpty(): Promise<boolean> {
    const [row] = await this.query('isEmpty');
    return row!['empty'] === 't';
  }

  /** Gives tasks of a kind whose priority no claim looks at the nearest one that they may have. */
  async alignPriorities(kind: number): Promise<void> {
    await this.query('alignPriorities', [kind]);
  }

  /** Deletes one batch of terminal tasks that are older than `ttlMs`, from `after` on, all but some. */
  async expire(batch: ExpiryBatch): Promise<{ count: number; newest: string | null }> {
    const [row] = await this.query('expire', parametersOf(batch));
    return { count: Number(row!['count']), newest: row!['newest'] ?? null };
  }

  /** The tasks that `expire` would delete. */
  async findExpired(batch: ExpiryBatch): Promise<{ ids: number[]; newest: string | null }> {
    const [row] = await this.query('findExpired', parametersOf(batch));
    return { ids: listIn(row, 'ids'), newest: row!['newest'] ?? null };
  }

  /** Deletes those of these tasks that are terminal and older than `ttlMs`. @returns how many */
  async expireSome(kind: number, ttlMs: number, ids: readonly number[]): Promise<number> {
    const [row] = await this.query('expireSome', [kind, Math.round(ttlMs), intArray(ids, Number)]);
    return Number(row!['count']);
  }
}

/** Which terminal tasks to delete. */
export interface ExpiryBatch {
  readonly kind: number;
  readonly ttlMs: number;
  readonly limit: number;
  /** In µs since the epoch. */
  readonly after: string | null;
  /** These ids are passed over. */
  readonly except: readonly number[];
}

function parametersOf({ kind, ttlMs, limit, after, except }: ExpiryBatch): unknown[] {
  return [kind, Math.round(ttlMs), limit, after, intArray(except, Number)];
}
