import type { EntityManager, QueryRunner } from 'typeorm';

/**
 * Anything that runs SQL with `$1` parameters: a `pg` client or pool, or a small wrapper of another library.
 * The answer is an array of rows, an object with `rows`, or TypeORM's `[rows, count]`.
 */
export interface Executor {
  /** Runs one statement in the caller's transaction. */
  query(sql: string, parameters?: unknown[]): Promise<unknown>;
}

/** The caller's TypeORM transaction: the manager that `dataSource.transaction` hands out, or its query runner. */
export type Manager = EntityManager | QueryRunner;

/** Where a statement runs: in the caller's transaction, or, with neither, on the queue's own DataSource. */
export interface TransactionOptions {
  /** The caller's TypeORM `EntityManager` or `QueryRunner`. */
  manager?: Manager;
  /** Any other library's transaction. */
  executor?: Executor;
}
