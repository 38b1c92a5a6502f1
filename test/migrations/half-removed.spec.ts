import { readFileSync } from 'node:fs';
import pg from 'pg';
import { DataSource } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { pgQueueMigrations } from '../../lib/index.js';
import { SCHEMA_PARTS } from '../../lib/storage/sql/schema-check.sql.js';
import { describeSchema } from '../support/catalog.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

const FILE = readFileSync('migrations/1795478400000-create-pgqueue.up.sql', 'utf8');

let database: TestDatabase;
let client: pg.Client;

beforeEach(async () => {
  database = await createTestDatabase({ plain: true });
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
});

afterEach(async () => {
  await client.end();
  await database.drop();
});

async function runMigration(): Promise<void> {
  const dataSource = new DataSource({ type: 'postgres', url: database.url, migrations: pgQueueMigrations });
  await dataSource.initialize();
  try {
    await dataSource.query('DROP TABLE IF EXISTS migrations');
    await dataSource.runMigrations();
  } finally {
    await dataSource.destroy();
  }
}

/** The .sql file may have failed within its transaction. */
const runFile = async () => {
  await client.query('ROLLBACK');
  await client.query(FILE);
};

const WAYS = [
  ['migration', runMigration],
  ['.sql file', runFile],
] as const;

/** A constraint that is added later does not look at the rows that are there. */
const catalog = async () =>
  (await describeSchema(database.url, 'public')).map((line) => line.replace(' NOT VALID', ''));

const CHANGES = [
  'DROP TABLE pgqueue',
  'DROP TABLE pgqueue, pgqueue_lease, pgqueue_registry, pgqueue_pause, pgqueue_activity, pgqueue_snapshot, pgqueue_wake',
  'DROP TABLE pgqueue, pgqueue_lease, pgqueue_registry, pgqueue_pause, pgqueue_activity, pgqueue_snapshot, pgqueue_wake; DROP TYPE pgqueue_status',
  'DROP TABLE pgqueue; DROP DOMAIN pgqueue_time',
  'DROP TABLE pgqueue_pause',
  'DROP SEQUENCE pgqueue_bell',
  'DROP INDEX pgqueue_claim, pgqueue_key',
  'DROP FUNCTION pgqueue_ring CASCADE',
  'DROP TRIGGER pgqueue_ring ON pgqueue',
  'ALTER TABLE pgqueue_pause DROP CONSTRAINT pgqueue_pause_valid',
  'COMMENT ON TABLE pgqueue IS NULL',
  "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'pgqueue_key'::regclass",
];

describe.each(WAYS)('a half-removed installation: the %s', (_, migrate) => {
  beforeEach(migrate);

  it.each(CHANGES)('completes it after %s', async (change) => {
    const whole = await catalog();
    await client.query(`INSERT INTO pgqueue (kind, payload) VALUES (1, '1')`);
    await client.query(change);
    await migrate();
    expect(await catalog()).toEqual(whole);
    const { rowCount } = await client.query('SELECT FROM pgqueue');
    expect(rowCount).toBe(/^DROP TABLE pgqueue($|[,;])/.test(change) ? 0 : 1);
  });

  it.each([
    ['ALTER TABLE pgqueue DROP trace', 'table pgqueue has no column trace'],
    ['DROP TYPE pgqueue_status CASCADE', 'table pgqueue has no column status'],
    [
      'DROP TABLE pgqueue_pause; CREATE VIEW pgqueue_pause AS SELECT 1 AS kind',
      'pgqueue_pause is there and is no table of the queue',
    ],
    [
      'DROP SEQUENCE pgqueue_bell; CREATE TABLE pgqueue_bell (mine int)',
      'pgqueue_bell is there and is no sequence of the queue',
    ],
    [
      'DROP TRIGGER pgqueue_ring ON pgqueue; CREATE TRIGGER pgqueue_ring AFTER DELETE ON pgqueue EXECUTE FUNCTION tsvector_update_trigger()',
      'pgqueue_ring is there and is no trigger of the queue',
    ],
    [
      'DROP FUNCTION pgqueue_ring CASCADE; CREATE FUNCTION pgqueue_ring() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$',
      'pgqueue_ring is there and is no function of the queue',
    ],
    [
      'DROP TABLE pgqueue_pause; CREATE TYPE pgqueue_pause AS ENUM ()',
      'pgqueue_pause is there and is no table of the queue',
    ],
    ["COMMENT ON TABLE pgqueue IS 'nestjs-pgqueue schema 2.0'", /of (another )?version/],
  ])('refuses it after %s, and changes nothing', async (change, problem) => {
    await client.query(`INSERT INTO pgqueue (kind, payload) VALUES (1, '1')`);
    await client.query(change);
    const before = await catalog();
    await expect(migrate()).rejects.toThrow(problem);
    await client.query('ROLLBACK');
    expect(await catalog()).toEqual(before);
    expect((await client.query('SELECT FROM pgqueue')).rowCount).toBe(1);
  });

  it('changes nothing when nothing is missing', async () => {
    await client.query(`INSERT INTO pgqueue (kind, payload) VALUES (1, '1')`);
    const whole = await catalog();
    await migrate();
    expect(await catalog()).toEqual(whole);
    expect((await client.query('SELECT FROM pgqueue')).rowCount).toBe(1);
  });
});

describe.each(WAYS)("another role's objects under the names of the queue's: the %s", (_, migrate) => {
  const other = `pgqueue_other_${process.pid}`;

  beforeEach(() => client.query(`CREATE ROLE ${other}; GRANT CREATE, USAGE ON SCHEMA public TO ${other}`));

  afterEach(async () => {
    await client.query(`ROLLBACK; RESET ROLE; DROP OWNED BY ${other} CASCADE; DROP ROLE ${other}`);
  });

  it.each([
    ['pgqueue_bell', 'CREATE SEQUENCE pgqueue_bell'],
    [
      'pgqueue_ring',
      'CREATE FUNCTION pgqueue_ring() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$',
    ],
    ['pgqueue_status', "CREATE TYPE pgqueue_status AS ENUM ('new')"],
    ['pgqueue_attempts', 'CREATE DOMAIN pgqueue_attempts AS smallint CHECK (VALUE > 100)'],
    ['pgqueue_pause', 'CREATE TABLE pgqueue_pause (kind smallint PRIMARY KEY, paused_at timestamptz)'],
  ])('does not build on %s', async (name, create) => {
    await client.query(`SET ROLE ${other}; ${create}; RESET ROLE`);
    const before = await catalog();
    await expect(migrate()).rejects.toThrow(`role ${other} owns ${name}`);
    await client.query('ROLLBACK');
    expect(await catalog()).toEqual(before);
  });
});

describe('a later minor version', () => {
  it('is left as it is by the migration, and is not completed', async () => {
    await runMigration();
    await client.query("COMMENT ON TABLE pgqueue IS 'nestjs-pgqueue schema 1.7'");
    const whole = await catalog();
    await runMigration();
    expect(await catalog()).toEqual(whole);
    await client.query('DROP TABLE pgqueue_pause');
    await expect(runMigration()).rejects.toThrow(
      `version 1.7 of the queue's tables lacks table pgqueue_pause, and this release knows only 1.0; update nestjs-pgqueue`,
    );
  });
});

it('what the check looks for is what the migration creates', async () => {
  await runMigration();
  const { rows } = await client.query<{ part: string }>(`
    SELECT 'column ' || attname || ' ' || relname AS part FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
    WHERE relname LIKE 'pgqueue%' AND relkind = 'r' AND attnum > 0
    UNION ALL SELECT CASE relkind WHEN 'r' THEN 'table ' || relname || ' ' || relname ELSE 'sequence ' || relname END
    FROM pg_class WHERE relname LIKE 'pgqueue%' AND relkind IN ('r', 'S') AND relname <> 'pgqueue_id_seq' AND relname <> 'pgqueue_lease_id_seq'
    UNION ALL SELECT 'index ' || indexrelid::regclass || ' ' || indrelid::regclass FROM pg_index
    WHERE indrelid = 'pgqueue'::regclass AND NOT indisprimary
    UNION ALL SELECT 'constraint ' || conname || ' ' || conrelid::regclass FROM pg_constraint WHERE conrelid <> 0 AND conname LIKE 'pgqueue%valid'
    UNION ALL SELECT 'trigger ' || tgname || ' ' || tgrelid::regclass FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL SELECT 'function ' || proname FROM pg_proc WHERE proname LIKE 'pgqueue%'
    UNION ALL SELECT CASE typtype WHEN 'e' THEN 'type ' ELSE 'domain ' END || typname FROM pg_type WHERE typtype IN ('e', 'd') AND typname LIKE 'pgqueue%'`);
  const looked = SCHEMA_PARTS.map((part) => part.filter((word) => word !== null).join(' '));
  expect(looked.toSorted()).toEqual(rows.map(({ part }) => part).toSorted());
});
