import { SchemaMismatchError } from '../errors/pg-queue.errors.js';
import type { Database } from './database.js';
import type { RunStatement } from './executor.js';
import { onSafePath } from './safe-path.js';
import { assertVersion, hasTables, inspectSchema, missingNames } from './schema-check.js';
import {
  createSchemaSql,
  indexesSql,
  MIGRATION_LOCK,
  rebuildIndexSql,
  SCHEMA_VERSION,
} from './sql/schema.sql.js';

/** What a migration does to a schema. */
export interface MigrationPlan {
  readonly does: 'nothing' | 'create' | 'complete';
  /** The names of the objects that are created. */
  readonly parts: readonly string[];
  /** Indexes that an existing task table lacks: to be built without holding up writers, they need to be outside of a transaction. */
  readonly indexes: readonly string[];
}

/**
 * In a transaction: what it takes to bring a schema to the version of this release.
 * @throws SchemaMismatchError for tables of another release, and for what is not the queue's and has its names
 */
export function planMigration(run: RunStatement, schema: string): Promise<MigrationPlan> {
  return onSafePath(run, () => plan(run, schema));
}

async function plan(run: RunStatement, schema: string): Promise<MigrationPlan> {
  const state = await inspectSchema(run, schema);
  assertVersion(state, schema);
  if (state.obstacle !== undefined) {
    throw new SchemaMismatchError(
      `schema "${schema}": ${state.obstacle}; rename or drop what is not the queue's, or drop all tables of the queue, and migrate again`,
    );
  }
  const { version } = state;
  const parts = [...missingNames(state), ...(version === 'unmarked' ? ['comment of pgqueue'] : [])];
  if (parts.length > 0 && typeof version === 'object' && version.minor > SCHEMA_VERSION.minor) {
    throw new SchemaMismatchError(
      `schema "${schema}": version ${version.major}.${version.minor} of the queue's tables lacks ${parts.join(', ')}, and this release knows only ${SCHEMA_VERSION.major}.${SCHEMA_VERSION.minor}; update nestjs-pgqueue`,
    );
  }
  return {
    does: parts.length === 0 ? 'nothing' : hasTables(state) ? 'complete' : 'create',
    parts,
    indexes:
      version === 'none' ? [] : state.missing.filter(({ kind }) => kind === 'index').map(({ name }) => name),
  };
}

/**
 * Brings a schema to the version of this release, or completes it, in the transaction given; one migrator after the other.
 * @param indexesLater whether indexes that an existing table lacks are left to `buildIndex`
 */
export function migrate(
  run: RunStatement,
  schema: string,
  { indexesLater = false } = {},
): Promise<MigrationPlan> {
  return onSafePath(run, async () => {
    await run(MIGRATION_LOCK, []);
    const planned = await plan(run, schema);
    if (planned.does !== 'nothing') {
      for (const statement of createSchemaSql(schema, !indexesLater || planned.indexes.length === 0)) {
        await run(statement, []);
      }
    }
    return planned;
  });
}

/**
 * Builds an index while tasks are pushed and run. Where a build failed before, or another migrator's goes on, the index is there and not
 * valid; dropping it would drop what the other has just built.
 */
export async function buildIndex(
  database: Pick<Database, 'run' | 'transaction'>,
  schema: string,
  name: string,
): Promise<void> {
  await database.run(indexesSql(schema, true)[name]!, []);
  const { indexes } = await database.transaction((run) => planMigration(run, schema));
  if (indexes.includes(name)) {
    await database.run(rebuildIndexSql(schema, name), []);
  }
}
