import pg from 'pg';
import { schemaNames, type SchemaNames } from '../schema-names.js';
import { CLOCK, EXACT_IDS, FIRST_MOMENT, LAST_MOMENT } from './clock.sql.js';
import { block, unless } from './block.sql.js';
import { refuseForeign } from './schema-check.sql.js';
import { wakeSql } from './wake.sql.js';

/**
 * A migration raises the minor part where processes of the release before work on beside it, the major part where they can't. A
 * process needs its own major part, and at least its own minor part.
 */
export const SCHEMA_VERSION = { major: 1, minor: 0 };

/** How the version is kept: as the comment of the task table, so that a dump carries it. */
export const VERSION_COMMENT = 'nestjs-pgqueue schema ';

/** Held while migrating, so that two migrators wait for each other. */
export const MIGRATION_LOCK = `SELECT pg_advisory_xact_lock(hashtext('nestjs-pgqueue migration'))`;

/** The rows that extend the heap once: about 6 MB. */
const HEAP_ROWS = 20_000;

/**
 * 48 random bits. Numbers of a sequence would come again after a restore, a failover that lost the last ones or RESTART IDENTITY,
 * and two processes would take each other's lease for their own.
 */
const LEASE_ID = `('x' || replace(left(gen_random_uuid()::text, 13), '-', ''))::bit(48)::bigint`;

const isTime = (column: string) => `${column} BETWEEN ${FIRST_MOMENT} AND ${LAST_MOMENT}`;

/**
 * What can't be valid can't be stored. Of the task table by domains: the server keeps their conditions ready, where it reads those of a
 * CHECK of the table anew for each statement, a fifth of the cost of a push; and an update checks what it writes. Null passes. What
 * SQL by hand may mean something by is stored: docs/operations.md says what.
 */
const domainsOf = ({ time, attempts }: SchemaNames) => ({
  pgqueue_time: `DOMAIN ${time} AS timestamptz CONSTRAINT pgqueue_time_valid CHECK (${isTime('VALUE')})`,
  pgqueue_attempts: `DOMAIN ${attempts} AS smallint CONSTRAINT pgqueue_attempts_valid CHECK (VALUE >= 0)`,
});

/** Of the other tables, which have one constraint each. */
const CONSTRAINTS = {
  lease: `id BETWEEN ${EXACT_IDS} AND heartbeat_at < 'infinity'`,
  pause: isTime('paused_at'),
  activity: `${isTime('minute')} AND succeeded >= 0 AND failed >= 0 AND exhausted >= 0`,
  snapshot: isTime('taken_at'),
};

type Constrained = keyof typeof CONSTRAINTS;

const constraintOf = (table: Constrained) =>
  `CONSTRAINT pgqueue_${table}_valid CHECK (${CONSTRAINTS[table]})`;

/**
 * An index that is built outside of a transaction is built under the path of the session. A comparison for each status, not `= ANY`:
 * a push evaluates the condition of every index for every row, and an array costs it more.
 */
const isAmong = (...statuses: string[]) =>
  statuses.map((status) => `status OPERATOR(pg_catalog.=) '${status}'`).join(' OR ');

/** The indexes of the task table, by name. */
export function indexesSql(schema: string, concurrently = false): Record<string, string> {
  const { task } = schemaNames(schema);
  const index = (name: string, on: string, unique = '') =>
    `CREATE ${unique}INDEX ${concurrently ? 'CONCURRENTLY ' : ''}IF NOT EXISTS ${name} ON ${task} ${on}`;
  return {
    pgqueue_claim: index(
      'pgqueue_claim',
      `(kind, priority, run_at, id) WHERE ${isAmong('new', 'must_retry')}`,
    ),
    pgqueue_key: index('pgqueue_key', '(kind, external_key) WHERE external_key IS NOT NULL', 'UNIQUE '),
    pgqueue_done: index('pgqueue_done', `(kind, finished_at) WHERE ${isAmong('cancelled', 'succeeded')}`),
    pgqueue_broken: index('pgqueue_broken', `(kind, created_at) WHERE ${isAmong('no_attempts_left')}`),
  };
}

export const rebuildIndexSql = (schema: string, name: string) =>
  `REINDEX INDEX CONCURRENTLY ${pg.escapeIdentifier(schema)}.${pg.escapeIdentifier(name)}`;

/**
 * The statements that create the tables, or what is missing of them: run again they change nothing.
 * @param indexes whether those of the task table too; else they are for the caller to build
 */
export function createSchemaSql(schema: string, indexes = true): string[] {
  const names = schemaNames(schema);
  const { task, lease, registry, pause, activity, snapshot, status, bell, rewind } = names;
  const literal = pg.escapeLiteral;
  const comment = literal(`${VERSION_COMMENT}${SCHEMA_VERSION.major}.${SCHEMA_VERSION.minor}`);
  const constrain = (Object.keys(CONSTRAINTS) as Constrained[]).map(
    (
      table,
    ) => `  IF NOT EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE conrelid = ${literal(names[table])}::regclass AND conname = 'pgqueue_${table}_valid') THEN
    ALTER TABLE ${names[table]} ADD ${constraintOf(table)} NOT VALID;
  END IF;`,
  );
  return [
    unless(
      `EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = ${literal(schema)})`,
      `EXECUTE ${literal(`CREATE SCHEMA ${pg.escapeIdentifier(schema)}`)}`,
    ),
    block(refuseForeign(literal(schema), comment)),
    ...Object.entries({
      pgqueue_status: `TYPE ${status} AS ENUM ('new', 'must_retry', 'no_attempts_left', 'cancelled', 'succeeded')`,
      ...domainsOf(names),
    }).map(([name, type]) =>
      unless(
        `EXISTS (SELECT FROM pg_catalog.pg_type y JOIN pg_catalog.pg_namespace n ON n.oid = y.typnamespace
      WHERE n.nspname = ${literal(schema)} AND y.typname = '${name}')`,
        `CREATE ${type}`,
      ),
    ),
    // The payload is last: an update on the same page then logs only what stands before it.
    // A claimed row is 16 bytes longer, and no longer for padding: less than half of a page is filled, so that the new versions of its
    // rows fit beside them. Fewer rows in a page make pushes slower.
    // No column that a claim changes may ever be in an index or a predicate: that would end its HOT updates.
    // A heap that was never small keeps the planner from reading it whole, even in a plan made while the table is empty.
    unless(
      `EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = ${literal(schema)} AND c.relname = 'pgqueue')`,
      `CREATE TABLE ${task} (
  id               bigint GENERATED BY DEFAULT AS IDENTITY (MAXVALUE ${Number.MAX_SAFE_INTEGER}) PRIMARY KEY,
  run_at           timestamptz NOT NULL DEFAULT ${CLOCK},
  created_at       ${names.time} NOT NULL DEFAULT now(),
  finished_at      ${names.time},
  status           ${status} NOT NULL DEFAULT 'new',
  kind             smallint NOT NULL,
  priority         smallint NOT NULL DEFAULT 5,
  lease_id         bigint,
  claim_id         bigint,
  attempts_left    smallint NOT NULL DEFAULT 32767,
  attempts_elapsed ${names.attempts} NOT NULL DEFAULT 0,
  external_key     text,
  messages         text[],
  trace            text,
  payload          json NOT NULL
) WITH (fillfactor = 48, vacuum_truncate = off, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_scale_factor = 0,
        autovacuum_vacuum_cost_delay = 0)`,
      `INSERT INTO ${task} (id, kind, payload) SELECT -n, 0, to_json(repeat('x', 90)) FROM generate_series(1, ${HEAP_ROWS}) n`,
      `DELETE FROM ${task}`,
    ),
    ...(indexes
      ? [
          block(` DECLARE
  broken text;
BEGIN
  FOR broken IN SELECT i.indexrelid::regclass FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
    WHERE i.indrelid = ${literal(task)}::regclass AND NOT i.indisvalid AND c.relname IN (${Object.keys(indexesSql(schema)).map(literal).join(', ')}) LOOP
    EXECUTE 'DROP INDEX ' || broken;
  END LOOP;
END `),
          ...Object.values(indexesSql(schema)),
        ]
      : []),
    `CREATE TABLE IF NOT EXISTS ${lease} (
  id           bigint PRIMARY KEY DEFAULT ${LEASE_ID},
  worker       text NOT NULL,
  started_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  heartbeat_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  host         text,
  pid          int,
  version      text,
  kinds        smallint[],
  settings     json,
  slots        json,
  running      json,
  refused      json,
  ended_at     timestamptz,
  ${constraintOf('lease')}
) WITH (fillfactor = 50)`,
    `CREATE TABLE IF NOT EXISTS ${registry} (job text PRIMARY KEY, updated_at timestamptz NOT NULL) WITH (fillfactor = 50)`,
    `CREATE TABLE IF NOT EXISTS ${pause} (kind smallint PRIMARY KEY, paused_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  ${constraintOf('pause')})`,
    // The histograms' buckets are those of lib/inspect/histogram.ts; the minute stands first, since minutes are read and deleted.
    `CREATE TABLE IF NOT EXISTS ${activity} (
  minute    timestamptz NOT NULL,
  kind      smallint NOT NULL,
  succeeded bigint NOT NULL,
  failed    bigint NOT NULL,
  exhausted bigint NOT NULL,
  wait      bigint[] NOT NULL,
  run       bigint[] NOT NULL,
  PRIMARY KEY (minute, kind),
  ${constraintOf('activity')}
) WITH (fillfactor = 50)`,
    `CREATE TABLE IF NOT EXISTS ${snapshot} (
  one      boolean PRIMARY KEY DEFAULT true CHECK (one),
  taken_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  content  json NOT NULL,
  ${constraintOf('snapshot')}
) WITH (fillfactor = 50)`,
    `CREATE SEQUENCE IF NOT EXISTS ${bell} MINVALUE 0 START 0`,
    `CREATE SEQUENCE IF NOT EXISTS ${rewind} MINVALUE 0 START 0`,
    ...wakeSql(names),
    block(` BEGIN\n${constrain.join('\n')}\nEND `),
    `COMMENT ON TABLE ${task} IS ${comment}`,
  ];
}

/** The statements that remove what there is of the queue, with every task. */
export function dropSchemaSql(schema: string): string[] {
  const names = schemaNames(schema);
  const { task, lease, registry, pause, activity, snapshot, wake, wakeLater, status, bell, rewind, ring } =
    names;
  return [
    `DROP TABLE IF EXISTS ${task}, ${lease}, ${registry}, ${pause}, ${activity}, ${snapshot}, ${wake}`,
    `DROP FUNCTION IF EXISTS ${ring}(), ${wake}(), ${wakeLater}()`,
    `DROP SEQUENCE IF EXISTS ${bell}, ${rewind}`,
    `DROP TYPE IF EXISTS ${status}`,
    `DROP DOMAIN IF EXISTS ${names.time}, ${names.attempts}`,
  ];
}
