/**
 * Anything that runs SQL with `$1` parameters: a `pg` client or pool, or a small wrapper of another library.
 * The answer is an array of rows, an object with `rows`, or TypeORM's `[rows, count]`.
 */
export interface Executor {
  /** Runs one statement in the caller's transaction. */
  query(sql: string, parameters?: unknown[]): Promise<unknown>;
}

/**
 * The caller's TypeORM transaction: the `EntityManager` that `dataSource.transaction` hands out, or its `QueryRunner`. These two
 * fit it, and a client of `pg` does not; written out so that an application without TypeORM needs no types of it.
 */
export interface Manager {
  query(query: string, parameters?: any): Promise<any>;
  release(): Promise<void>;
}

/** Where a statement runs: in the caller's transaction, or with neither option on the queue's own DataSource. */
export interface TransactionOptions {
  /** The caller's TypeORM `EntityManager` or `QueryRunner`. */
  manager?: Manager;
  /** Any other library's transaction. */
  executor?: Executor;
}
