import { readFileSync } from 'node:fs';
import pg from 'pg';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPgQueueMigrations, pgQueueMigrations } from '../../lib/index.js';
import { SAFE_PATH } from '../../lib/storage/sql/path.sql.js';
import { createSchemaSql, dropSchemaSql } from '../../lib/storage/sql/schema.sql.js';
import { describeSchema } from '../support/catalog.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

const fileOf = (direction: string) =>
  readFileSync(`migrations/1795478400000-create-pgqueue.${direction}.sql`, 'utf8');

/** The channel's name is the only thing that depends on the schema. */
const withoutChannel = (lines: string[]) => lines.map((line) => line.replaceAll(/pgqueue_[0-9a-f]{16}/g, ''));

const TABLES = [
  'pgqueue',
  'pgqueue_activity',
  'pgqueue_lease',
  'pgqueue_pause',
  'pgqueue_registry',
  'pgqueue_snapshot',
  'pgqueue_wake',
];

describe('migrations', () => {
  let database: TestDatabase;
  const opened: DataSource[] = [];

  beforeEach(async () => {
    database = await createTestDatabase({ plain: true });
  });

  afterEach(async () => {
    await Promise.all(opened.splice(0).map((dataSource) => dataSource.destroy()));
    await database.drop();
  });

  async function open(options: Partial<DataSourceOptions> = {}): Promise<DataSource> {
    const dataSource = new DataSource({
      type: 'postgres',
      url: database.url,
      migrations: pgQueueMigrations,
      ...options,
    } as DataSourceOptions);
    opened.push(await dataSource.initialize());
    return dataSource;
  }

  async function execute(sql: string): Promise<void> {
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    await client.query(sql);
    await client.end();
  }

  const catalog = (schema = 'public') => describeSchema(database.url, schema);

  it.each([
    'public',
    'queue',
    'we"ird schema',
    'UPPER',
    'two $$ and a $ring$',
    'back\\slash',
    "it's; DROP SCHEMA public CASCADE; --",
  ])('H53: go up, down without leaving anything, and up again: %s', async (schema) => {
    const migrations = schema === 'public' ? pgQueueMigrations : createPgQueueMigrations({ schema });
    const dataSource = await open({ migrations });
    expect(await dataSource.runMigrations()).toHaveLength(1);
    const up = await catalog(schema);
    const tables = up.filter((line) => line.startsWith('r ')).map((line) => line.split(' ')[1]);
    expect(tables).toEqual(TABLES);
    expect(await dataSource.runMigrations()).toEqual([]);
    await dataSource.undoLastMigration();
    expect(await catalog(schema)).toEqual([]);
    await dataSource.runMigrations();
    expect(await catalog(schema)).toEqual(up);
  });

  it('keep queues in several schemas of one database apart', async () => {
    const migrations = [
      ...pgQueueMigrations,
      ...createPgQueueMigrations({ schema: 'a' }),
      ...createPgQueueMigrations({ schema: 'b' }),
    ];
    const dataSource = await open({ migrations });
    expect(await dataSource.runMigrations()).toHaveLength(3);
    const [first, ...others] = await Promise.all(['public', 'a', 'b'].map(catalog));
    for (const other of others) {
      expect(withoutChannel(other)).toEqual(withoutChannel(first!));
    }
  });

  it.each(['all', 'each', 'none'] as const)(
    'H53: may be run by several at once, in the transaction mode "%s"',
    async (migrationsTransactionMode) => {
      const dataSources = await Promise.all([1, 2, 3].map(() => open({ migrationsTransactionMode })));
      // TypeORM's own table can't be created by several at once.
      await dataSources[0]!.query(
        'CREATE TABLE migrations (id serial PRIMARY KEY, timestamp bigint NOT NULL, name varchar NOT NULL)',
      );
      await Promise.all(dataSources.map((dataSource) => dataSource.runMigrations()));
      expect((await catalog()).filter((line) => line.startsWith('r '))).toHaveLength(TABLES.length);
    },
  );

  it.each(['all', 'each', 'none'] as const)(
    'leave nothing half done when they fail, in the transaction mode "%s"',
    async (migrationsTransactionMode) => {
      const dataSource = await open({ migrationsTransactionMode });
      await dataSource.query('CREATE TABLE pgqueue_registry (mine int)');
      await expect(dataSource.runMigrations()).rejects.toThrow('table pgqueue_registry has no column job');
      expect((await catalog()).filter((line) => line.startsWith('r '))).toEqual([
        expect.stringContaining('pgqueue_registry'),
      ]);
      await dataSource.query('DROP TABLE pgqueue_registry');
      await dataSource.runMigrations();
    },
  );

  it('change nothing where the .sql file was run, and its twin goes down', async () => {
    await execute(fileOf('up'));
    const fromFile = await catalog();
    const dataSource = await open();
    await dataSource.runMigrations();
    expect(await catalog()).toEqual(fromFile);
    await execute(fileOf('down'));
    expect(await catalog()).toEqual([]);
    await dataSource.query('DELETE FROM migrations');
    await dataSource.runMigrations();
    expect(await catalog()).toEqual(fromFile);
  });

  it.each([
    ['up', createSchemaSql],
    ['down', dropSchemaSql],
  ])('are the statements of their .sql files: %s', (direction, statementsFor) => {
    const file = fileOf(direction);
    const begin = `\nBEGIN;\n\nSET LOCAL search_path = ${SAFE_PATH};\n\n`;
    const body = file.slice(file.indexOf(begin) + begin.length, file.lastIndexOf('\n\nCOMMIT;\n'));
    // When this fails: npm run build && node scripts/write-migrations.mjs
    expect(body).toBe(`${statementsFor('public').join(';\n\n')};`);
    expect(
      file
        .slice(0, file.indexOf('\nBEGIN;'))
        .split('\n')
        .filter(Boolean)
        .every((line) => line.startsWith('--')),
    ).toBe(true);
  });
});
