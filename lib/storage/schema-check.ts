import { SchemaMismatchError } from '../errors/pg-queue.errors.js';
import type { RunStatement } from './executor.js';
import { onSafePath } from './safe-path.js';
import {
  checkPrivileges,
  INSPECT_SCHEMA,
  type PartKind,
  SCHEMA_PARTS,
  type SchemaUse,
} from './sql/schema-check.sql.js';
import { SCHEMA_VERSION, VERSION_COMMENT } from './sql/schema.sql.js';
import { checkVisibility } from './visibility-check.js';

const MIGRATE =
  'add pgQueueMigrations to the migrations of your DataSource and run them, or run `npx nestjs-pgqueue migrate` or the .sql files of the package, in migrations/';
const COMPLETE =
  'complete it with `npx nestjs-pgqueue migrate` or the .sql file of the package, in migrations/';

export interface MissingPart {
  readonly kind: PartKind;
  readonly name: string;
  /** The table that the part belongs to. */
  readonly owner: string | null;
}

/** The state of the queue's tables in a schema. */
export interface SchemaState {
  /** `none`: no task table. `unmarked`: one whose comment was lost. */
  readonly version: 'none' | 'unmarked' | 'strange' | { readonly major: number; readonly minor: number };
  readonly missing: readonly MissingPart[];
  /** Why the missing parts may not be added. */
  readonly obstacle: string | undefined;
}

/**
 * In a transaction, under the queue's own path.
 * @throws SchemaMismatchError when the queue's tables are missing, incomplete, of another version, or not accessible to this role.
 */
export async function checkSchema(run: RunStatement, schema: string, use: SchemaUse): Promise<void> {
  const [lacking] = await onSafePath(run, async () => {
    await checkVisibility(run, schema);
    await checkVersion(run, schema);
    return run(checkPrivileges(use), [schema]);
  });
  if (lacking?.['privileges']) {
    throw new SchemaMismatchError(
      `schema "${schema}": role "${String(lacking['role'])}" lacks ${String(lacking['privileges'])}; grant it`,
    );
  }
}

/** Checks the tables, but not the privileges. */
export async function checkVersion(run: RunStatement, schema: string): Promise<void> {
  const state = await inspectSchema(run, schema);
  if (state.version === 'none') {
    const named = hasTables(state) ? ` (${missingNames(state).join(', ')})` : '';
    throw new SchemaMismatchError(`schema "${schema}": the queue's tables are missing${named}; ${MIGRATE}`);
  }
  assertVersion(state, schema);
  if (state.version === 'unmarked') {
    throw new SchemaMismatchError(
      `schema "${schema}": the queue's tables are of version unknown, this release needs version ${NEEDED}; ${MIGRATE}`,
    );
  }
  // Without constraints and domains everything works; a later minor version may have taken others in their place.
  const missing = missingNames({
    ...state,
    missing: state.missing.filter(({ kind }) => kind !== 'constraint' && kind !== 'domain'),
  });
  if (missing.length > 0) {
    throw new SchemaMismatchError(
      `schema "${schema}": the queue's installation lacks ${missing.join(', ')}; ${COMPLETE}`,
    );
  }
}

const NEEDED = `${SCHEMA_VERSION.major}.${SCHEMA_VERSION.minor}`;

/** @throws SchemaMismatchError for tables that a process of this release can't work with, and no migration of it brings up to date. */
export function assertVersion({ version }: SchemaState, schema: string): void {
  if (version === 'none' || version === 'unmarked') {
    return;
  }
  const { major, minor } = SCHEMA_VERSION;
  if (version === 'strange' || version.major !== major || version.minor < minor) {
    const is = version === 'strange' ? 'unknown' : `${version.major}.${version.minor}`;
    const isNewer = version !== 'strange' && version.major > major;
    const needs = isNewer ? `version ${major}.x` : `version ${NEEDED} or a later ${major}.x`;
    throw new SchemaMismatchError(
      `schema "${schema}": the queue's tables are of version ${is}, this release needs ${needs}; ${isNewer ? 'update nestjs-pgqueue' : MIGRATE}`,
    );
  }
}

export async function inspectSchema(run: RunStatement, schema: string): Promise<SchemaState> {
  const [found] = await run(INSPECT_SCHEMA, [schema]);
  const parts = JSON.parse(String(found!['missing'])) as [PartKind, string, string | null][];
  const missing = parts.map(([kind, name, owner]) => ({ kind, name, owner }));
  const hasTasks = !missing.some(({ kind, name }) => kind === 'table' && name === 'pgqueue');
  const obstacle = found!['obstacle'];
  return {
    version: hasTasks ? versionOf(found!['comment']) : 'none',
    missing,
    obstacle: typeof obstacle === 'string' ? obstacle : undefined,
  };
}

/** Whether any table of the queue is there. */
export function hasTables({ missing }: SchemaState): boolean {
  return SCHEMA_PARTS.some(
    ([kind, name]) => kind === 'table' && !missing.some((part) => part.kind === kind && part.name === name),
  );
}

/** The names of the missing parts, without the parts of a missing table. */
export function missingNames({ missing }: SchemaState): string[] {
  const tables = new Set(missing.filter(({ kind }) => kind === 'table').map(({ name }) => name));
  return missing
    .filter(({ kind, owner }) => kind === 'table' || owner === null || !tables.has(owner))
    .map(partName)
    .toSorted();
}

function partName({ kind, name, owner }: MissingPart): string {
  return `${kind} ${name}${owner !== null && owner !== name ? ` of ${owner}` : ''}`;
}

function versionOf(comment: unknown): SchemaState['version'] {
  if (typeof comment !== 'string') {
    return 'unmarked';
  }
  const [, major, minor = '0'] =
    (comment.startsWith(VERSION_COMMENT) &&
      /^(\d{1,9})(?:\.(\d{1,9}))?$/.exec(comment.slice(VERSION_COMMENT.length))) ||
    [];
  return major === undefined ? 'strange' : { major: Number(major), minor: Number(minor) };
}
