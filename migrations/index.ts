import type { MigrationInterface } from 'typeorm';
import { createPgQueue } from './1795478400000-create-pgqueue.js';

/** The migrations for the schema that the DataSource uses by default: `migrations: [...pgQueueMigrations]`. */
export const pgQueueMigrations: (new () => MigrationInterface)[] = [createPgQueue()];

/**
 * The same for a schema of the queue's own, which is created when it is missing: `createPgQueueMigrations({ schema: 'queue' })`,
 * with `schema: 'queue'` in the module's options too. A name that PostgreSQL can't have is refused when they run.
 */
export function createPgQueueMigrations(options: { schema: string }): (new () => MigrationInterface)[] {
  return [createPgQueue(options.schema)];
}
