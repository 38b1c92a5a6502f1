import type { EventEmitter } from 'node:events';
import type { DataSource, QueryRunner } from 'typeorm';
import type { ConnectionOptions } from './connection-options.js';
import type { Executor, Manager } from '../task/transaction.js';
import { InvalidManagerError } from '../task/task.errors.js';
import type { Database } from './database.js';
import { hasNoConnection, inTransactionOf, isPool, type RunStatement, rowsOf, runIn } from './executor.js';

/** A TypeORM DataSource as the queue's database; with replication set, always its master. */
export class TypeOrmDatabase implements Database {
  constructor(private readonly dataSource: DataSource) {
    if (dataSource.options.type !== 'postgres') {
      throw new InvalidManagerError(
        `dataSource: must be of type 'postgres', is '${dataSource.options.type}'`,
      );
    }
    this.guardNewConnections();
  }

  /** On a query runner of its own, so that no library that keeps an ambient transaction can slip it under the statement. */
  readonly run: RunStatement = (sql, parameters) =>
    this.withRunner(async (runner) => rowsOf(await runner.query(sql, parameters)));

  async transaction<T>(work: (run: RunStatement) => Promise<T>, within?: Manager | Executor): Promise<T> {
    if (!within) {
      return this.withRunner((runner) => inTransactionOfRunner(runner, work, this.runIn(runner)));
    }
    const run = this.runIn(within);
    if (hasNoConnection(within)) {
      return within.transaction((manager) => work(this.runIn(manager)));
    }
    return isPool(within) ? inTransactionOf(within, work) : work(run);
  }

  private async withRunner<T>(work: (runner: QueryRunner) => Promise<T>): Promise<T> {
    const runner = this.dataSource.createQueryRunner();
    try {
      return await work(runner);
    } finally {
      await runner.release();
    }
  }

  runIn(transaction: Manager | Executor): RunStatement {
    return runIn(transaction, (manager) => dataSourceOf(manager) === this.dataSource);
  }

  /**
   * TypeORM listens to the errors of a new connection one turn too late: a server that ends it in the moment in which it is
   * ready, as one that shuts down does, would end the process. What breaks later is reported by the query that meets it.
   */
  private guardNewConnections(): void {
    const { master, slaves = [] } = this.dataSource.driver as unknown as {
      master?: EventEmitter;
      slaves?: EventEmitter[];
    };
    for (const pool of [master, ...slaves]) {
      pool?.on('connect', (client: EventEmitter) => client.on('error', () => undefined));
    }
  }

  connectionOptions(): ConnectionOptions {
    const { options } = (this.dataSource.driver as unknown as { master: { options: ConnectionOptions } })
      .master;
    // Neither is enumerable in a pool's options, so that a spread leaves them out.
    return { ...options, password: options.password, ssl: options.ssl };
  }

  get defaultSchema(): string {
    return defaultSchemaOf(this.dataSource);
  }
}

export function defaultSchemaOf(dataSource: DataSource): string {
  return (dataSource.options as { schema?: string }).schema ?? 'public';
}

/** TypeORM 1 says `dataSource`, 0.3 says `connection`. */
export function dataSourceOf(manager: Manager): DataSource {
  const owner = manager as unknown as { dataSource?: DataSource; connection: DataSource };
  return owner.dataSource ?? owner.connection;
}

async function inTransactionOfRunner<T>(
  runner: QueryRunner,
  work: (run: RunStatement) => Promise<T>,
  run: RunStatement,
): Promise<T> {
  await runner.startTransaction();
  try {
    const result = await work(run);
    await runner.commitTransaction();
    return result;
  } catch (error) {
    // A roll-back that fails says less than what it was for.
    await runner.rollbackTransaction().catch(() => undefined);
    throw error;
  }
}
