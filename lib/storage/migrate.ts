import { SchemaMismatchError } from '../task/task.errors.js';
import type { RunStatement } from './executor.js';
import { assertVersion, hasTables, inspectSchema, type MissingPart, missingNames } from './schema-check.js';
import {
  createSchemaSql,
  dropIndexSql,
  indexesSql,
  MIGRATION_LOCK,
  SCHEMA_VERSION,
} from './sql/schema.sql.js';

/** What a migration does to a schema. */
export interface MigrationPlan {
  readonly does: 'nothing' | 'create' | 'complete';
  /** What is created, as a person names it. */
  readonly parts: readonly string[];
  /** Indexes that an existing task table lacks: to be built without holding up writers, they need to be outside of a transaction. */
  readonly indexes: readonly string[];
}

/**
 * What it takes to bring a schema to the version of this release.
 * @throws SchemaMismatchError for tables of another release, and for what is not the queue's and has its names
 */
export async function planMigration(run: RunStatement, schema: string): Promise<MigrationPlan> {
  const state = await inspectSchema(run, schema);
  assertVersion(state, schema);
  const foreign = state.missing.filter((part) => part.foreign);
  if (foreign.length > 0) {
    throw new SchemaMismatchError(
      `schema "${schema}": ${foreign.map(describeForeign).join(', ')}; rename or drop what is not the queue's, or drop all tables of the queue, and migrate again`,
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
export async function migrate(
  run: RunStatement,
  schema: string,
  { indexesLater = false } = {},
): Promise<MigrationPlan> {
  await run(MIGRATION_LOCK, []);
  const plan = await planMigration(run, schema);
  if (plan.does !== 'nothing') {
    for (const statement of createSchemaSql(schema, !indexesLater || plan.indexes.length === 0)) {
      await run(statement, []);
    }
  }
  return plan;
}

/** Builds an index while tasks are pushed and run. Outside of a transaction. */
export async function buildIndex(run: RunStatement, schema: string, name: string): Promise<void> {
  await run(dropIndexSql(schema, name), []);
  await run(indexesSql(schema, true)[name]!, []);
}

function describeForeign({ kind, name, owner }: MissingPart): string {
  return kind === 'column'
    ? `table ${owner} has no column ${name}`
    : `${name} is there and is no ${kind} of the queue`;
}
