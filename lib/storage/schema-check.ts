import { SchemaMismatchError } from '../task/task.errors.js';
import type { Row, RunStatement } from './executor.js';
import { CHECK_SCHEMA, SCHEMA_VERSION, VERSION_COMMENT } from './sql/schema.sql.js';
import { checkVisibility } from './visibility-check.js';

const MIGRATE =
  'add pgQueueMigrations to the migrations of your DataSource and run them (or the .sql files of the package, in migrations/)';

/** @throws SchemaMismatchError when the queue's tables are missing, of another version, or not accessible to this role. */
export async function checkSchema(run: RunStatement, schema: string): Promise<void> {
  await checkVisibility(run, schema);
  const found = await checkVersion(run, schema);
  if (found['privileges']) {
    throw new SchemaMismatchError(
      `schema "${schema}": role "${String(found['role'])}" lacks ${String(found['privileges'])}; grant it`,
    );
  }
}

/** The same without the privileges. */
export async function checkVersion(run: RunStatement, schema: string): Promise<Row> {
  const [found] = await run(CHECK_SCHEMA, [schema]);
  if (!found) {
    throw new SchemaMismatchError(`schema "${schema}": the queue's tables are missing; ${MIGRATE}`);
  }
  const version = versionOf(found);
  if (version !== SCHEMA_VERSION) {
    const remedy = version > SCHEMA_VERSION ? 'update nestjs-pgqueue' : MIGRATE;
    throw new SchemaMismatchError(
      `schema "${schema}": the queue's tables are of version ${version || 'unknown'}, this release needs version ${SCHEMA_VERSION}; ${remedy}`,
    );
  }
  return found;
}

/** The version of the queue's tables; 0 when there are none, NaN when they don't say. */
export async function schemaVersion(run: RunStatement, schema: string): Promise<number> {
  const [found] = await run(CHECK_SCHEMA, [schema]);
  return found ? versionOf(found) : 0;
}

function versionOf(found: Row): number {
  const comment = String(found['comment'] ?? '');
  return comment.startsWith(VERSION_COMMENT) ? Number(comment.slice(VERSION_COMMENT.length)) : Number.NaN;
}
