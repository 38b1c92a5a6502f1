import type { INestApplicationContext, ModuleMetadata, Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { getDataSourceToken, TypeOrmModule } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import type { TestAPI } from 'vitest';
import {
  PgQueueModule,
  type PgQueueModuleOptions,
  pgQueueMigrations,
  QueueService,
  type ShardsOptions,
} from '../../lib/index.js';
import { Proxy } from '../faults/support/proxy.mjs';
import { type Closable, FixtureBuilder, type Scope } from './fixture-builder.js';
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

/** Such an application, which reaches shard b through a proxy. */
export async function createProxiedApp({
  databases,
  ...options
}: ShardedAppOptions & { databases: ShardDatabases<'b'>; imports?: ModuleMetadata['imports'] }): Promise<
  ShardedApp & { proxy: Proxy }
> {
  const proxy = await Proxy.start(Number(new URL(databases.b.url).port));
  const app = await createShardedApp({ databases, urls: { b: proxy.through(databases.b.url) }, ...options });
  const close = async () => {
    proxy.heal();
    await app.close();
    await proxy.close();
  };
  return { ...app, proxy, close };
}

type Makers<Name extends string> = Readonly<
  Record<string, (databases: ShardDatabases<Name>) => Promise<Closable>>
>;

export type ShardFixture<Name extends string, M> = {
  readonly [Made in keyof M]: M[Made] extends (databases: ShardDatabases<Name>) => Promise<infer App>
    ? App
    : never;
} & { readonly it: TestAPI; readonly databases: ShardDatabases<Name> };

/** As `databasePerFile`, with a database for each of these shards. */
export function shardsPerFile<Name extends string, M extends Makers<Name>>(
  names: readonly Name[],
  forFile: M,
): ShardFixture<Name, M> {
  return buildShards('file', names, forFile);
}

/** As `databasePerTest`, with a database for each of these shards. */
export function shardsPerTest<Name extends string, M extends Makers<Name>>(
  names: readonly Name[],
  forTest: M,
): ShardFixture<Name, M> {
  return buildShards('test', names, forTest);
}

function buildShards<Name extends string, M extends Makers<Name>>(
  scope: Scope,
  names: readonly Name[],
  makers: M,
): ShardFixture<Name, M> {
  const builder = new FixtureBuilder(scope, () => createShardDatabases(...names), dropShardDatabases);
  const handles: Record<string, object> = { databases: builder.database };
  for (const [name, make] of Object.entries(makers)) handles[name] = builder.add(name, scope, make);
  return { ...handles, it: builder.it } as unknown as ShardFixture<Name, M>;
}
