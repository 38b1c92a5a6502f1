import { createPgQueue, type PgQueueMigration } from './1795478400000-create-pgqueue.js';

/** The migrations for the schema that the DataSource uses by default: `migrations: [...pgQueueMigrations]`. */
export const pgQueueMigrations: (new () => PgQueueMigration)[] = [createPgQueue()];

/**
 * The same for a schema of the queue's own, which is created when it is missing: `createPgQueueMigrations({ schema: 'queue' })`,
 * with `schema: 'queue'` in the module's options too. A name that PostgreSQL can't have is refused when they run.
 */
export function createPgQueueMigrations(options: { schema: string }): (new () => PgQueueMigration)[] {
  return [createPgQueue(options.schema)];
}
