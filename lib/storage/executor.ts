import type { EntityManager, QueryRunner } from 'typeorm';
import type { Executor, Manager } from '../task/transaction.js';
import { InvalidManagerError } from '../task/task.errors.js';

export type Row = Record<string, unknown>;

/** What every statement of the queue goes through: rows out, whatever library runs it. */
export type RunStatement = (sql: string, parameters: unknown[]) => Promise<Row[]>;

/** The rows of any library's answer: an array, an object with `rows`, or TypeORM's `[rows, count]` of UPDATE and DELETE. */
export function rowsOf(result: unknown): Row[] {
  if (Array.isArray(result)) {
    const [rows, count] = result;
    return result.length === 2 && Array.isArray(rows) && typeof count === 'number' ? rows : result;
  }
  const rows = (result as { rows?: unknown } | null)?.rows;
  if (!Array.isArray(rows)) {
    throw new InvalidManagerError('executor: query() must answer an array of rows or an object with `rows`');
  }
  return rows;
}

/**
 * Runs statements in the caller's transaction.
 * @param belongs whether a TypeORM manager is of the queue's own DataSource
 * @throws InvalidManagerError when the transaction is foreign, released or has failed.
 */
export function runIn(transaction: Manager | Executor, belongs: (manager: Manager) => boolean): RunStatement {
  if (typeof (transaction as Executor | undefined)?.query !== 'function') {
    throw new InvalidManagerError('manager, executor: must have a method query(sql, parameters)');
  }
  if (isManager(transaction)) {
    assertUsable(transaction, belongs);
  }
  return async (sql, parameters) => {
    try {
      return rowsOf(await transaction.query(sql, parameters));
    } catch (error) {
      throw explain(error);
    }
  };
}

/** A manager outside any transaction, such as `dataSource.manager`: each of its statements may run on another connection. */
export function hasNoConnection(transaction: Manager | Executor): transaction is EntityManager {
  return isManager(transaction) && !('isReleased' in transaction) && !transaction.queryRunner;
}

/** A pool of `pg`: each of its statements may run on another connection. */
interface Pool extends Executor {
  connect(): Promise<Executor & { release(error?: unknown): void }>;
  readonly totalCount: number;
}

export function isPool(executor: Manager | Executor): executor is Pool {
  const { connect, totalCount } = executor as Partial<Pool>;
  return typeof connect === 'function' && typeof totalCount === 'number';
}

/** Several statements that commit or roll back together, on one connection of a pool. */
export async function inTransactionOf<T>(pool: Pool, work: (run: RunStatement) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    const result = await work(async (sql, parameters) => rowsOf(await client.query(sql, parameters)));
    await client.query('COMMIT');
    client.release();
    return result;
  } catch (error) {
    // A connection that is closed rolls back.
    client.release(error);
    throw error;
  }
}

/** Other libraries' transactions have neither. */
function isManager(transaction: Manager | Executor): transaction is Manager {
  return (
    'isReleased' in transaction || typeof (transaction as Partial<EntityManager>).getRepository === 'function'
  );
}

function assertUsable(manager: Manager, belongs: (manager: Manager) => boolean): void {
  if (!belongs(manager)) {
    throw new InvalidManagerError(
      "manager: belongs to another DataSource than the queue's; its transaction can't carry this queue's tasks",
    );
  }
  const runner: QueryRunner | undefined = 'isReleased' in manager ? manager : manager.queryRunner;
  if (runner?.isReleased) {
    throw new InvalidManagerError('manager: its query runner is released, so its transaction is over');
  }
}

/** PostgreSQL's "current transaction is aborted" hides what the caller has to know. */
function explain(error: unknown): unknown {
  if ((error as { code?: unknown } | undefined)?.code !== '25P02') {
    return error;
  }
  return new InvalidManagerError(
    'manager: its transaction has failed already and will roll back; nothing was written',
    { cause: error },
  );
}
