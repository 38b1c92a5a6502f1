import type { RunStatement } from './executor.js';
import { onSafePath } from './safe-path.js';
import { checkVersion, schemaVersion } from './schema-check.js';
import { createSchemaSql, MIGRATION_LOCK } from './sql/schema.sql.js';

/**
 * Brings a schema to the version of this release, in the transaction given; one migrator after the other.
 * @returns false when there was nothing to do
 * @throws SchemaMismatchError for tables of another release
 */
export function migrate(run: RunStatement, schema: string): Promise<boolean> {
  return onSafePath(run, () => migrateOnSafePath(run, schema));
}

async function migrateOnSafePath(run: RunStatement, schema: string): Promise<boolean> {
  await run(MIGRATION_LOCK, []);
  if ((await schemaVersion(run, schema)) !== 0) {
    await checkVersion(run, schema);
    return false;
  }
  for (const statement of createSchemaSql(schema)) {
    await run(statement, []);
  }
  return true;
}
