/** What an application spreads its data by, such as the id of a customer. */
export type ShardKey = string | number | bigint;

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

/** In which shard, too: that of the `manager`, or the one that the application's `shardOf` names for `shardKey`. */
export interface ShardOptions extends TransactionOptions {
  /** With several shards a push needs it unless it has a `manager`; with a single database it says nothing. */
  shardKey?: ShardKey;
}
