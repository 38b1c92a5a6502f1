import { DataSource } from 'typeorm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { QueueDatabases } from '../../lib/cluster/queue-databases.js';
import { PgDatabase } from '../../lib/storage/pg-database.js';
import { OVER, QUEUE_SCHEMA } from './over.js';
import { createQueueApp, type QueueApp } from './queue-app.js';
import { createTestDatabase, type TestDatabase } from './test-database.js';

let database: TestDatabase;
let app: QueueApp;

beforeAll(async () => {
  database = await createTestDatabase();
  app = await createQueueApp({ url: database.url });
});

afterAll(async () => {
  await app.close();
  await database.drop();
});

it('the queue of a test works over what the run says', async () => {
  const shards = app.get(QueueDatabases);
  const { database: own, sql } = shards.all[0]!;
  const { url } = app.get(DataSource).options as { url?: string };
  expect({
    shards: shards.all.length,
    pool: own instanceof PgDatabase,
    schema: sql.names.schema,
    pooled: (await ask('inet_server_port()')) !== Number(new URL(url!).port),
    owner: await ask(`SELECT pg_has_role(tableowner, 'USAGE') FROM pg_tables WHERE tablename = 'pgqueue'`),
    writes: await ask(`has_table_privilege('pgqueue', 'DELETE')`),
    truncates: await ask(`has_table_privilege('pgqueue', 'TRUNCATE')`),
  }).toEqual({
    shards: OVER === 'shards' ? 2 : 1,
    pool: OVER === 'pg',
    schema: QUEUE_SCHEMA,
    pooled: OVER === 'pgbouncer',
    owner: OVER !== 'dml',
    writes: true,
    truncates: OVER !== 'dml',
  });
});

/** As the application's own connections say it. */
async function ask(question: string): Promise<unknown> {
  const [row] = await app.get(DataSource).query(`SELECT (${question}) AS answer`);
  return row.answer;
}
