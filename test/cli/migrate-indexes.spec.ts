import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ChildApps, compileApps } from '../support/child-app.js';
import { until } from '../support/index.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

const SCHEMA = 'odd "name"; --';
const QUOTED = pg.escapeIdentifier(SCHEMA);

let apps: ChildApps;
let database: TestDatabase;
let client: pg.Client;
let watcher: pg.Client;

beforeAll(async () => {
  apps = await compileApps();
  database = await createTestDatabase({ plain: true });
  client = new pg.Client({ connectionString: database.url });
  watcher = new pg.Client({ connectionString: database.url });
  await Promise.all([client.connect(), watcher.connect()]);
});

afterAll(async () => {
  await Promise.all([client.end(), watcher.end()]);
  await apps.close();
  await database.drop();
});

async function migrate(...args: string[]) {
  const child = apps.start('lib/cli/main.ts', { DATABASE_URL: database.url }, [
    'migrate',
    '--schema',
    SCHEMA,
    ...args,
  ]);
  const code = await child.ended;
  return { code, output: child.output() };
}

it('builds the index that a table lacks while tasks are pushed, and says so', async () => {
  await migrate();
  await client.query(`DROP INDEX ${QUOTED}.pgqueue_key; DROP TABLE ${QUOTED}.pgqueue_pause`);
  const dry = await migrate('--dry-run');
  expect(dry.output).toContain(
    'would create what was missing: index pgqueue_key of pgqueue, table pgqueue_pause',
  );
  // A concurrent build waits for this transaction to end, and lets it write; any other would be waited for by it.
  await client.query('BEGIN');
  await client.query(`INSERT INTO ${QUOTED}.pgqueue (kind, payload) VALUES (1, '1')`);
  const building = migrate();
  await until(
    async () =>
      (
        await watcher.query(
          `SELECT FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'CREATE UNIQUE INDEX CONCURRENTLY%' AND wait_event_type = 'Lock'`,
        )
      ).rowCount === 1,
  );
  await watcher.query(
    `SET lock_timeout = '1s'; INSERT INTO ${QUOTED}.pgqueue (kind, payload) VALUES (1, '2')`,
  );
  await client.query('COMMIT');
  const built = await building;
  expect(built.code).toBe(0);
  expect(built.output).toContain('building index pgqueue_key of pgqueue');
  expect(built.output).toContain(
    'created what was missing: index pgqueue_key of pgqueue, table pgqueue_pause',
  );
  expect((await migrate()).output).toContain('nothing to do');
  // A build that failed leaves its index behind.
  await client.query(
    `UPDATE pg_index SET indisvalid = false WHERE indexrelid = '${QUOTED}.pgqueue_claim'::regclass`,
  );
  expect((await migrate()).output).toContain('created what was missing: index pgqueue_claim of pgqueue');
  expect((await migrate()).output).toContain('nothing to do');
});
