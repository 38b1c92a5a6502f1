import type { PoolWithOptions } from './connection-options.js';
import { cleanError } from './database-error.js';
import { sqlState } from '../errors/sql-state.js';
import { asRolledBack } from './sql-state.js';
import type { Executor, Manager } from '../task/transaction.js';
import { InvalidManagerError } from '../errors/pg-queue.errors.js';

export type Row = Record<string, unknown>;

/** Runs a statement of the queue and returns its rows, whatever library runs it. */
export type RunStatement = (sql: string, parameters: unknown[]) => Promise<Row[]>;

/** The rows of any library's answer: an array, an object with `rows`, or TypeORM's `[rows, count]` of UPDATE and DELETE. */
export function rowsOf(result: unknown): Row[] {
  if (Array.isArray(result)) {
    const [rows, count] = result;
    return result.length === 2 && Array.isArray(rows) && typeof count === 'number' ? rows : result;
  }
  const rows = (result as { rows?: unknown } | null)?.rows;
  if (!Array.isArray(rows)) {
    throw new InvalidManagerError('executor: query() must return an array of rows or an object with `rows`');
  }
  return rows;
}

/**
 * Runs statements in the caller's transaction.
 * @param belongs whether a TypeORM manager is of the queue's own DataSource
 * @throws InvalidManagerError when the transaction is foreign, released or has failed.
 */
export function runIn(transaction: Manager | Executor, belongs: (manager: Manager) => boolean): RunStatement {
  assertTransaction(transaction);
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

/** @throws InvalidManagerError for what can't run a statement. */
export function assertTransaction(transaction: Manager | Executor): void {
  if (typeof (transaction as Executor | undefined)?.query !== 'function') {
    throw new InvalidManagerError('manager, executor: must have a method query(sql, parameters)');
  }
}

/** Runs several statements in the caller's transaction, or in one of their own where the caller gives only a source of connections. */
export async function transactionIn<T>(
  transaction: Manager | Executor,
  work: (run: RunStatement) => Promise<T>,
  open: (transaction: Manager | Executor) => RunStatement,
): Promise<T> {
  const run = open(transaction);
  if (hasNoConnection(transaction)) {
    return cleanly(() => transaction.transaction((manager) => beforeCommit(() => work(open(manager)))));
  }
  return isPool(transaction) ? inTransactionOf(transaction, work) : work(run);
}

/** TypeORM's `EntityManager`. */
interface LooseManager extends Manager {
  transaction<T>(work: (manager: Manager) => Promise<T>): Promise<T>;
}

/**
 * Refuses what is known to give each statement a transaction of its own. A connection of an unknown library is taken for one that is
 * in a transaction.
 * @throws InvalidManagerError where no transaction is open
 */
export function assertOpen(transaction: Manager | Executor): void {
  if (commitsEach(transaction)) {
    throw new InvalidManagerError(
      'manager, executor: no transaction is open, so the task would be completed apart from its effects. Call completeIn inside of one.',
    );
  }
}

/** Whether a manager of TypeORM, or a client of `pg`, reports that it is in no transaction. */
function isIdle(transaction: Manager | Executor): boolean {
  if (isManager(transaction)) {
    return !('isReleased' in transaction) && runnerOf(transaction)?.isTransactionActive === false;
  }
  return (transaction as PoolClient).getTransactionStatus?.() === 'I';
}

function runnerOf(manager: Manager) {
  return (manager as { queryRunner?: { isReleased?: boolean; isTransactionActive?: boolean } | null })
    .queryRunner;
}

/** Whether each statement gets a connection and a transaction of its own: by a pool, or a manager outside any transaction. */
export function isAutocommit(transaction: Manager | Executor): boolean {
  assertTransaction(transaction);
  return hasNoConnection(transaction) || isPool(transaction);
}

/** Whether each statement is known to commit by itself, be it on one connection or on several. */
export function commitsEach(transaction: Manager | Executor): boolean {
  return isAutocommit(transaction) || isIdle(transaction);
}

/** A manager outside any transaction, such as `dataSource.manager`: each of its statements may run on another connection. */
function hasNoConnection(transaction: Manager | Executor): transaction is LooseManager {
  return isManager(transaction) && !('isReleased' in transaction) && !runnerOf(transaction);
}

interface Querying extends Executor {
  query(sql: string | PreparedQuery, parameters?: unknown[]): Promise<{ rows: Row[] }>;
}

/** A connection of `pg` that was taken from its pool. */
interface PoolClient extends Querying {
  release(error?: unknown): void;
  /** `I` (in no transaction), `T` or `E`; only later versions of `pg` have it. */
  getTransactionStatus?(): string | null;
  on(event: 'error', listener: () => void): unknown;
  off(event: 'error', listener: () => void): unknown;
}

export interface PreparedQuery {
  readonly name: string;
  readonly text: string;
  readonly values: unknown[];
}

/** A pool of `pg`: each of its statements may run on another connection. */
export interface PgPool extends Querying, PoolWithOptions {
  connect(): Promise<PoolClient>;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'connect', listener: (client: object) => void): unknown;
  readonly totalCount: number;
}

export function isPool(executor: unknown): executor is PgPool {
  const { connect, totalCount } = executor as Partial<PgPool>;
  return typeof connect === 'function' && typeof totalCount === 'number';
}

/** A connection that breaks in use rejects its statement too. */
const ignore = () => undefined;

/** Several statements that commit or roll back together, on one connection of a pool. */
export async function inTransactionOf<T>(pool: PgPool, work: (run: RunStatement) => Promise<T>): Promise<T> {
  return withClient(pool, async (client) => {
    const result = await beforeCommit(async () => {
      await client.query('BEGIN');
      return work(async (sql, parameters) => rowsOf(await cleanly(() => client.query(sql, parameters))));
    });
    await client.query('COMMIT');
    return result;
  });
}

/** Works on one connection of a pool, which is closed after an error: an open transaction rolls back. */
export async function withClient<T>(pool: PgPool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await beforeCommit(() => pool.connect());
  client.on('error', ignore);
  try {
    const result = await work(client);
    client.off('error', ignore);
    client.release();
    return result;
  } catch (error) {
    client.release(error);
    throw cleanError(error);
  }
}

/** Runs work that sends no COMMIT: its errors are marked as certainly rolled back. */
export async function beforeCommit<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw asRolledBack(cleanError(error));
  }
}

/** @throws what the database library throws, without what it carries of payloads and keys */
export async function cleanly<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw cleanError(error);
  }
}

/** Whether this is a manager of TypeORM: transactions of other libraries have neither property. */
export function isManager(transaction: Manager | Executor): transaction is Manager {
  return (
    'isReleased' in transaction ||
    typeof (transaction as { getRepository?: unknown }).getRepository === 'function'
  );
}

function assertUsable(manager: Manager, belongs: (manager: Manager) => boolean): void {
  if (!belongs(manager)) {
    throw new InvalidManagerError(
      "manager: belongs to another DataSource than the queue. Pass the manager of a transaction in the queue's database.",
    );
  }
  const isReleased = 'isReleased' in manager ? manager.isReleased : runnerOf(manager)?.isReleased;
  if (isReleased) {
    throw new InvalidManagerError('manager: its query runner is released, so its transaction is over');
  }
}

/** Replaces PostgreSQL's "current transaction is aborted", which does not say what the caller has to know. */
function explain(error: unknown): unknown {
  const clean = cleanError(error);
  if (sqlState(clean) !== '25P02') {
    return clean;
  }
  return new InvalidManagerError(
    'manager: its transaction has failed already and will roll back; nothing was written',
    { cause: clean },
  );
}
