import pg from 'pg';
import { expect } from 'vitest';
import { SnapshotRepository } from '../../lib/storage/snapshot.repository.js';
import { queueSql } from '../../lib/storage/sql/index.js';
import { databasePerFile } from '../support/index.js';
import { QUEUE_SCHEMA } from '../support/over.js';
import { createQueueApp } from '../support/queue-app.js';

const { it, database } = databasePerFile({});

it.beforeAll(async () =>
  (await createQueueApp({ url: database.url, options: { autoStart: false } })).close(),
);

it('shows what a standby holds back to a role that may see no other sessions', async () => {
  const [client, standby] = [{}, { replication: 'database' }].map(
    (options) => new pg.Client({ connectionString: database.url, ...options }),
  ) as [pg.Client, pg.Client];
  await Promise.all([client.connect(), standby.connect()]);
  const repository = new SnapshotRepository(
    { transaction: (work) => work(async (text, values) => (await client.query(text, values)).rows) },
    queueSql(QUEUE_SCHEMA),
  );
  const role = `plain_${database.name}`;
  await client.query(`CREATE ROLE ${role}; SET ROLE ${role}`);
  try {
    // What the server takes as a standby's connection, with a snapshot.
    await standby.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
    expect((await repository.vitals()).heldXmin).toMatch(/^\d+$/);
  } finally {
    await client.query(`RESET ROLE; DROP ROLE ${role}`);
    await Promise.all([client.end(), standby.end()]);
  }
});
