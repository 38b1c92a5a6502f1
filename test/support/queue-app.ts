import type { INestApplicationContext, ModuleMetadata, Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import pg from 'pg';
import { DataSource } from 'typeorm';
import {
  PgQueueModule,
  type PgQueueModuleOptions,
  pgQueueMigrations,
  QueueService,
} from '../../lib/index.js';
import { silentLogger } from './silent-logger.js';

/** What the queue of a test works in: `TEST_OVER=pg npm test` puts a pool of `pg` in the place of the TypeORM DataSource. */
export const OVER_TYPEORM = process.env['TEST_OVER'] !== 'pg';

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
  const pool = OVER_TYPEORM ? undefined : poolOf(url, typeorm);
  const testing = await Test.createTestingModule({
    imports: [
      TypeOrmModule.forRoot({
        type: 'postgres',
        url,
        migrations: [...pgQueueMigrations],
        migrationsRun: true,
        retryAttempts: 0,
        ...typeorm,
      }),
      PgQueueModule.forRoot(pool ? { pool, ...options } : options),
      ...imports,
    ],
    providers,
  })
    .setLogger(silentLogger)
    .compile();
  const app = await testing.init();
  return {
    app,
    queue: app.get(QueueService),
    dataSource: app.get(DataSource),
    get: (type) => app.get(type, { strict: false }),
    close: async () => {
      await app.close();
      await (pool?.ending ? undefined : pool?.end());
    },
  };
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
  schema = 'public',
): Promise<StoredTask[]> {
  return dataSource.query(
    `SELECT *, (extract(epoch FROM run_at - clock_timestamp()) * 1000)::float AS due_in FROM "${schema}".pgqueue WHERE ${where} ORDER BY id`,
  );
}
