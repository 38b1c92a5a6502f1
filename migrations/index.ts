import type { MigrationInterface } from 'typeorm';
import { createPgQueue } from './1795478400000-create-pgqueue.js';

/** The migrations for the schema that the DataSource uses by default: `migrations: [...pgQueueMigrations]`. */
export const pgQueueMigrations: (new () => MigrationInterface)[] = [createPgQueue()];

/** The same for a schema of the queue's own. */
export function createPgQueueMigrations(options: { schema: string }): (new () => MigrationInterface)[] {
  return [createPgQueue(options.schema)];
}
