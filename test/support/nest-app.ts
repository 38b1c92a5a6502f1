import type { DynamicModule, INestApplicationContext, ModuleMetadata } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import { pgQueueMigrations } from '../../lib/index.js';
import { silentLogger } from './silent-logger.js';

/** TypeORM with the queue's tables migrated. */
export function typeOrm(url: string, overrides: Record<string, unknown> = {}): DynamicModule {
  return TypeOrmModule.forRoot({
    type: 'postgres',
    url,
    migrations: [...pgQueueMigrations],
    migrationsRun: true,
    retryAttempts: 0,
    ...overrides,
  });
}

/** A running application of these modules and providers, for tests that place the queue's module themselves. */
export async function startApp(metadata: ModuleMetadata): Promise<INestApplicationContext> {
  const testing = await Test.createTestingModule(metadata).setLogger(silentLogger).compile();
  try {
    return await testing.init();
  } catch (error) {
    await testing.close();
    throw error;
  }
}

/** Why an application does not start. */
export async function bootError(metadata: ModuleMetadata): Promise<Error> {
  const app = await startApp(metadata).catch((error: unknown) => error as Error);
  if (app instanceof Error) {
    return app;
  }
  await app.close();
  throw new Error('the application started');
}
