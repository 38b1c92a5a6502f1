import type { DynamicModule, INestApplicationContext, ModuleMetadata, Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import pg from 'pg';
import { DataSource, type DataSourceOptions } from 'typeorm';
import {
  createPgQueueMigrations,
  PgQueueModule,
  type PgQueueModuleOptions,
  QueueService,
  type ShardOptions,
} from '../../lib/index.js';
import { DEFAULT_SHARD } from '../../lib/cluster/shard-name.js';
import { OVER, QUEUE_OPTIONS, QUEUE_SCHEMA, SECOND } from './over.js';
import { silentLogger } from './silent-logger.js';
import { applicationUrl, secondUrl } from './test-database.js';

type PostgresOptions = Extract<DataSourceOptions, { type: 'postgres' }>;

export interface QueueAppOptions {
  url: string;
  options?: PgQueueModuleOptions;
  providers?: ModuleMetadata['providers'];
  imports?: ModuleMetadata['imports'];
  /** Over those of the TypeORM DataSource. */
  typeorm?: Record<string, unknown>;
}

export interface QueueApp {
  app: INestApplicationContext;
  queue: QueueService;
  /** For the test's own SQL, whose statements outside of transactions are of the owner of the tables. */
  dataSource: DataSource;
  get<T>(type: Type<T>): T;
  close(): Promise<void>;
}

/** A Nest application with a queue in the given database, its tables migrated. */
export async function createQueueApp({
  url,
  options = {},
  providers = [],
  imports = [],
  typeorm = {},
}: QueueAppOptions): Promise<QueueApp> {
  const pool = OVER === 'pg' ? poolOf(url, typeorm) : undefined;
  const application = dataSourceOptions(url, typeorm);
  const sharded = OVER === 'shards' && !PLACES.some((place) => place in options);
  const owner =
    OVER === 'dml' && application.url !== url
      ? await new DataSource({ ...application, url, subscribers: [] }).initialize()
      : undefined;
  const testing = await Test.createTestingModule({
    imports: [
      TypeOrmModule.forRoot({
        ...application,
        migrationsRun: application.migrationsRun && !owner,
        retryAttempts: 0,
      }),
      ...(sharded ? [secondShard(url, application)] : []),
      PgQueueModule.forRoot({
        ...QUEUE_OPTIONS,
        ...(pool ? { pool } : {}),
        ...(sharded ? { shards: { names: [DEFAULT_SHARD, SECOND], shardOf: () => DEFAULT_SHARD } } : {}),
        ...options,
      }),
      ...imports,
    ],
    providers,
  })
    .setLogger(silentLogger)
    .compile();
  const app = await testing.init();
  if (sharded) {
    giveKeys(app.get(QueueService));
  }
  return {
    app,
    queue: app.get(QueueService),
    dataSource: owner ? asOwner(app.get(DataSource), owner) : app.get(DataSource),
    get: (type) => app.get(type, { strict: false }),
    close: async () => {
      await app.close();
      await (owner?.isInitialized ? owner.destroy() : undefined);
      await (pool?.ending ? undefined : pool?.end());
    },
  };
}

/** Options that say where the queue works. */
const PLACES = ['dataSource', 'pool', 'shards'] as const;

function secondShard(url: string, application: PostgresOptions): DynamicModule {
  return TypeOrmModule.forRoot({
    ...application,
    name: SECOND,
    url: secondUrl(url),
    migrationsRun: true,
    retryAttempts: 0,
  });
}

/** Tests push as to a single database; here every push has to say of which shard it is. */
function giveKeys(queue: QueueService): void {
  const { pushTask, pushTasks, cancelTaskByKey, retryTasks } = queue;
  const keyed = <Options extends ShardOptions>(options = {} as Options): Options =>
    isObject(options) && !options.manager ? { shardKey: 0, ...options } : options;
  queue.pushTask = (task, options) => pushTask.call(queue, task, keyed(options));
  queue.pushTasks = (tasks, options) => pushTasks.call(queue, tasks, keyed(options));
  queue.cancelTaskByKey = (kind, key, options) => cancelTaskByKey.call(queue, kind, key, keyed(options));
  queue.retryTasks = (kind, options) => retryTasks.call(queue, kind, keyed(options));
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

function dataSourceOptions(url: string, typeorm: Record<string, unknown>): PostgresOptions {
  return {
    type: 'postgres',
    url: applicationUrl(url),
    migrations: createPgQueueMigrations({ schema: QUEUE_SCHEMA }),
    migrationsRun: true,
    ...typeorm,
  };
}

/** The application's DataSource, besides that a single statement goes through the owner's. */
function asOwner(dataSource: DataSource, owner: DataSource): DataSource {
  const query: DataSource['query'] = async (...statement) => {
    if (!owner.isInitialized) await owner.initialize();
    return owner.query(...statement);
  };
  return new Proxy(dataSource, {
    get(target, name) {
      if (name === 'query') return query;
      const value = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** As large as the application's DataSource would be, where a test depends on that. */
function poolOf(connectionString: string, { extra }: Record<string, unknown>): pg.Pool {
  return new pg.Pool({ connectionString, ...(extra as pg.PoolConfig) });
}

export interface StoredTask {
  id: string;
  status: string;
  lease_id: number | null;
  kind: number;
  priority: number;
  attempts_left: number;
  attempts_elapsed: number;
  external_key: string | null;
  messages: string[] | null;
  payload: unknown;
  /** Milliseconds until it is due, by the database's clock. */
  due_in: number;
}

/** The rows of the queue, oldest first. */
export async function storedTasks(
  dataSource: DataSource,
  where = 'true',
  schema?: string,
): Promise<StoredTask[]> {
  const place = schema === undefined ? '' : `${pg.escapeIdentifier(schema)}.`;
  return dataSource.query(
    `SELECT *, (extract(epoch FROM run_at - clock_timestamp()) * 1000)::float AS due_in FROM ${place}pgqueue WHERE ${where} ORDER BY id`,
  );
}
