import type { INestApplicationContext, ModuleMetadata, Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { getDataSourceToken, TypeOrmModule } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import {
  PgQueueModule,
  type PgQueueModuleOptions,
  pgQueueMigrations,
  QueueService,
  type ShardsOptions,
} from '../../lib/index.js';
import { silentLogger } from './silent-logger.js';
import { createTestDatabase, type TestDatabase } from './test-database.js';

/** The databases of a sharded queue, by the name of the shard. */
export type ShardDatabases<Name extends string = string> = Readonly<Record<Name, TestDatabase>>;

export interface ShardedAppOptions {
  databases: ShardDatabases;
  /** In place of the databases' own. */
  urls?: Readonly<Record<string, string>>;
  shards?: Partial<ShardsOptions>;
  options?: PgQueueModuleOptions;
  /** Over those of each TypeORM DataSource. */
  typeorm?: Record<string, unknown>;
}

export interface ShardedApp {
  app: INestApplicationContext;
  queue: QueueService;
  dataSource(shard: string): DataSource;
  get<T>(type: Type<T>): T;
  close(): Promise<void>;
}

export async function createShardDatabases<Name extends string>(
  ...names: Name[]
): Promise<ShardDatabases<Name>> {
  const created = await Promise.all(
    names.map(async (name) => [name, await createTestDatabase({ plain: true })] as const),
  );
  return Object.fromEntries(created) as ShardDatabases<Name>;
}

export async function dropShardDatabases(databases: ShardDatabases): Promise<void> {
  await Promise.all(Object.values(databases).map((database) => database.drop()));
}

/** The shard of a key such as `eu/7`: what stands before the slash. */
export const shardOfPrefix: ShardsOptions['shardOf'] = (key) => String(key).split('/')[0]!;

/** The modules of a queue over several databases, their tables migrated. A key names its shard: `a/anything`. */
export function shardedQueue({
  databases,
  urls = {},
  shards = {},
  options = {},
  typeorm = {},
}: ShardedAppOptions): NonNullable<ModuleMetadata['imports']> {
  const names = Object.keys(databases);
  return [
    ...names.map((name) =>
      TypeOrmModule.forRoot({
        type: 'postgres',
        name,
        url: urls[name] ?? databases[name]!.url,
        migrations: [...pgQueueMigrations],
        migrationsRun: true,
        retryAttempts: 0,
        ...typeorm,
      }),
    ),
    PgQueueModule.forRootAsync({
      useFactory: () => ({ shards: { names, shardOf: shardOfPrefix, ...shards }, ...options }),
    }),
  ];
}

/** A Nest application with such a queue. */
export async function createShardedApp({
  imports = [],
  ...sharded
}: ShardedAppOptions & { imports?: ModuleMetadata['imports'] }): Promise<ShardedApp> {
  const testing = await Test.createTestingModule({ imports: [...shardedQueue(sharded), ...imports] })
    .setLogger(silentLogger)
    .compile();
  const app = await testing.init();
  return {
    app,
    queue: app.get(QueueService),
    dataSource: (shard) => app.get(getDataSourceToken(shard)),
    get: (type) => app.get(type, { strict: false }),
    close: () => app.close(),
  };
}
