import type { EventEmitter } from 'node:events';
import type { DataSource, QueryRunner } from 'typeorm';
import { type ConnectionOptions, optionsOf, type PoolWithOptions } from './connection-options.js';
import type { Executor, Manager } from '../task/transaction.js';
import { type DatabaseError, InvalidManagerError } from '../errors/pg-queue.errors.js';
import type { Database } from './database.js';
import {
  assertTransaction,
  beforeCommit,
  cleanly,
  isManager,
  type PreparedQuery,
  type Row,
  type RunStatement,
  rowsOf,
  runIn,
  transactionIn,
} from './executor.js';
import { cleanError } from './database-error.js';
import { LostConnections } from './lost-connections.js';
import { PreparedStatements } from './prepared-statements.js';

/** A connection of `pg`. */
interface PreparingClient {
  query(statement: PreparedQuery): Promise<{ rows: Row[] }>;
}

/** A TypeORM DataSource as the queue's database; with replication set, its primary, except what runs on `replica`. */
export class TypeOrmDatabase implements Database {
  readonly replica: Database['replica'];
  private readonly prepared: PreparedStatements | undefined;
  private readonly lost = new LostConnections();
  private preparing: Promise<void> | undefined;
  private closed = false;
  /** The pools and clients that have a listener for errors. */
  private readonly guarded = new WeakSet<EventEmitter>();

  /** @param prepares whether statements outside of transactions may be prepared, which saves the server half of a push */
  constructor(
    private readonly dataSource: DataSource,
    prepares = true,
  ) {
    if (dataSource.options.type !== 'postgres') {
      throw new InvalidManagerError(
        `dataSource: must be of type 'postgres', is '${dataSource.options.type}'`,
      );
    }
    this.prepared = prepares ? new PreparedStatements() : undefined;
    this.replica = dataSource.options.replication?.slaves.length
      ? {
          transaction: (work) => this.withRunner((runner) => this.inOwn(runner, work), 'slave'),
          connectionOptions: () => optionsOf(anyOf(this.pools.slaves)),
        }
      : undefined;
    this.guardNewConnections();
  }

  /** On a query runner of its own, so that no library that keeps an ambient transaction can slip it under the statement. */
  readonly run: RunStatement = (sql, parameters) =>
    this.withRunner((runner) => {
      const plainly = async () => rowsOf(await runner.query(sql, parameters));
      return this.prepared && !this.hasQuerySubscribers
        ? this.prepared.run(sql, (name) => this.runPrepared(runner, name, sql, parameters), plainly)
        : plainly();
    });

  transaction<T>(work: (run: RunStatement) => Promise<T>, within?: Manager | Executor): Promise<T> {
    return within
      ? transactionIn(within, work, (transaction) => this.runIn(transaction))
      : this.withRunner((runner) => this.inOwn(runner, work));
  }

  private async inOwn<T>(runner: QueryRunner, work: (run: RunStatement) => Promise<T>): Promise<T> {
    const run = this.runIn(runner);
    try {
      const result = await beforeCommit(async () => {
        await runner.startTransaction();
        return work(run);
      });
      await runner.commitTransaction();
      return result;
    } catch (error) {
      // The error that led to the roll-back says more than one of the roll-back.
      await runner.rollbackTransaction().catch(() => undefined);
      throw error;
    }
  }

  private async withRunner<T>(
    work: (runner: QueryRunner) => Promise<T>,
    server: 'master' | 'slave' = 'master',
  ): Promise<T> {
    const runner = this.dataSource.createQueryRunner(server);
    try {
      await beforeCommit(() => runner.connect());
      return await cleanly(() => work(runner));
    } finally {
      await runner.release();
    }
  }

  /** On TypeORM's connection itself, since its `query` can't name a statement; what is logged and thrown is as usual. */
  private async runPrepared(
    runner: QueryRunner,
    name: string,
    text: string,
    values: unknown[],
  ): Promise<Row[]> {
    const client: PreparingClient = await runner.connect();
    const { logger, options } = this.dataSource;
    logger.logQuery(text, values, runner);
    const startedAt = Date.now();
    try {
      const { rows } = await client.query({ name, text, values });
      const durationMs = Date.now() - startedAt;
      if (options.maxQueryExecutionTime && durationMs > options.maxQueryExecutionTime) {
        logger.logQuerySlow(durationMs, text, values, runner);
      }
      return rows;
    } catch (error) {
      // Without the values: what failed must not bring payloads into logs.
      logger.logQueryError(cleanError(error) as Error, text, undefined, runner);
      throw error;
    }
  }

  /** Whether there are subscribers of queries: TypeORM calls them only for its own `query`. */
  private get hasQuerySubscribers(): boolean {
    return this.dataSource.subscribers.some((subscriber) => subscriber.beforeQuery ?? subscriber.afterQuery);
  }

  runIn(transaction: Manager | Executor): RunStatement {
    assertTransaction(transaction);
    this.lost.assertHeld(transaction);
    return runIn(transaction, (manager) => dataSourceOf(manager) === this.dataSource);
  }

  explainLost(message: string, since: number): DatabaseError | undefined {
    return this.lost.explain(message, since);
  }

  owns(transaction: Manager | Executor): boolean | undefined {
    return isManager(transaction) ? dataSourceOf(transaction) === this.dataSource : undefined;
  }

  /** A DataSource of `manualInitialization` is the queue's to open: an application may start while one of its servers is down. */
  async prepare(): Promise<void> {
    if (!this.dataSource.isInitialized) {
      // Two calls at the same time would make TypeORM open two pools.
      this.preparing ??= this.initialize().finally(() => {
        this.preparing = undefined;
      });
      await this.preparing;
    }
  }

  /** Makes a DataSource that opens later close again: Nest ends only what is open at the end of the application. */
  close(): void {
    this.closed = true;
  }

  private async initialize(): Promise<void> {
    await this.dataSource.initialize();
    if (this.closed) {
      await this.dataSource.destroy();
    } else {
      this.guardNewConnections();
    }
  }

  /**
   * TypeORM listens to the errors of a new connection one turn too late: a server that ends it in the moment in which it is
   * ready, as one that shuts down does, would end the process. What breaks later is kept for who holds it.
   */
  private guardNewConnections(): void {
    const { master, slaves = [] } = this.pools;
    const lose = (client: EventEmitter, error: unknown) => {
      const holder = this.pools.connectedQueryRunners?.find(
        ({ databaseConnection }) => databaseConnection === client,
      );
      if (holder) {
        this.lost.add(holder, error);
      }
    };
    const guard = (client: EventEmitter) => {
      if (!this.guarded.has(client)) {
        this.guarded.add(client);
        client.on('error', (error) => lose(client, error));
      }
    };
    for (const pool of [master, ...slaves]) {
      if (pool && !this.guarded.has(pool)) {
        this.guarded.add(pool);
        // `acquire` also finds the connections that were opened before.
        pool.on('connect', guard).on('acquire', guard);
      }
    }
  }

  connectionOptions(): ConnectionOptions {
    // The application may have opened its DataSource anew, with other options.
    this.guardNewConnections();
    return optionsOf(this.pools.master!);
  }

  /** The pools of TypeORM's driver. */
  private get pools(): {
    readonly master?: DriverPool;
    readonly slaves?: readonly DriverPool[];
    readonly connectedQueryRunners?: readonly (QueryRunner & { readonly databaseConnection?: unknown })[];
  } {
    return this.dataSource.driver as object;
  }

  get defaultSchema(): string {
    return defaultSchemaOf(this.dataSource);
  }
}

interface DriverPool extends EventEmitter, PoolWithOptions {}

/** A replica at random, as TypeORM chooses one. */
function anyOf(pools: readonly DriverPool[] = []): DriverPool {
  return pools[Math.floor(Math.random() * pools.length)]!;
}

export function defaultSchemaOf(dataSource: DataSource): string {
  return (dataSource.options as { schema?: string }).schema ?? 'public';
}

/** TypeORM 1 says `dataSource`, 0.3 says `connection`. */
export function dataSourceOf(manager: Manager): DataSource {
  const owner = manager as unknown as { dataSource?: DataSource; connection: DataSource };
  return owner.dataSource ?? owner.connection;
}
