import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect } from 'vitest';
import { PgQueueMetricsModule, type PgQueueMetricsOptions } from '../../lib/metrics/index.js';
import { databasePerTest, until } from '../support/index.js';
import { cannotRunOver } from '../support/over.js';
import { createQueueApp, type QueueApp } from '../support/queue-app.js';
import { scrape } from '../support/scrape.js';

const { it, database } = databasePerTest({});

beforeEach(() => {
  registry = new Registry();
});

afterEach(() => closeAll());

describe('the age of the oldest transaction', () => {
  const AGE = 'pgqueue_oldest_transaction_age_seconds{shard="default"}';

  const blind = cannotRunOver({ dml: 'a role of few rights sees no sessions but its own' });
  const SESSIONS = [
    ['a session that has written', 'BEGIN; SELECT pg_current_xact_id()', 'ROLLBACK'],
    ['a session that reads', 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1', 'ROLLBACK'],
  ];

  it.each([
    ...(blind ? [] : SESSIONS),
    [
      'a prepared transaction',
      `BEGIN; SELECT pg_current_xact_id(); PREPARE TRANSACTION 'cluster-spec'`,
      `ROLLBACK PREPARED 'cluster-spec'`,
    ],
  ])('grows with %s', async (_, hold, release) => {
    const client = await connect();
    await start();
    await client.query(hold);
    try {
      await until(async () => ((await series(AGE)) ?? 0) > 1.5);
    } finally {
      await client.query(release);
    }
    expect(await until(async () => ((await series(AGE)) ?? 9) < 1)).toBe(true);
  });
});

describe('dead rows', () => {
  it('are told of each table', async () => {
    const { dataSource } = await start();
    await dataSource.query(`ALTER TABLE pgqueue_pause SET (autovacuum_enabled = off)`);
    // A session tells at its end what it did.
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    await client.query('INSERT INTO pgqueue_pause SELECT n FROM generate_series(1, 50) n');
    await client.query('DELETE FROM pgqueue_pause');
    await client.end();
    const dead = await until(async () => {
      const found = (await series('pgqueue_dead_tuples{shard="default",table="pgqueue_pause"}')) ?? 0;
      return found > 0 && found;
    });
    expect(dead).toBe(50);
  });
});

describe('a role of few rights', () => {
  const role = `pgqueue_test_${randomBytes(6).toString('hex')}`;
  let admin: pg.Client;
  let url: string;

  beforeEach(async () => {
    const owner = await start({ registry: new Registry(), snapshotPeriod: '1h' });
    await until(async () => (await owner.dataSource.query('SELECT FROM pgqueue_snapshot')).length === 1);
    admin = await connect();
    await admin.query(`CREATE ROLE ${role} LOGIN PASSWORD 'secret'`);
    url = Object.assign(new URL(database.url), { username: role, password: 'secret' }).href;
  });

  afterEach(async () => {
    await Promise.all(apps.map((app) => app.close()));
    await Promise.all(apps.splice(0).map((app) => app.close()));
    await admin.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
  });

  it('reads what others take, and takes nothing', async () => {
    await admin.query(`GRANT SELECT ON pgqueue_snapshot TO ${role}`);
    await admin.query(
      `UPDATE pgqueue_snapshot SET taken_at = now() - interval '1 hour', content = jsonb_set(content::jsonb, '{workers,live}', '5')`,
    );
    await start({}, url);
    await shows('pgqueue_workers{shard="default"}', 5);
    expect(await series('pgqueue_snapshot_age_seconds{shard="default"}')).toBeGreaterThan(3600);
    await until(async () => ((await series('pgqueue_snapshot_age_seconds{shard="default"}')) ?? 0) > 3601);
    expect(await series('pgqueue_connection_failures_total{shard="default",role="maintenance"}')).toBe(0);
  });

  it('sees prepared transactions, and its own sessions, but not those of others', async () => {
    await admin.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON ${TABLES.join(', ')} TO ${role}`);
    await admin.query(
      "UPDATE pgqueue_snapshot SET taken_at = now() - interval '1 hour'; DELETE FROM pgqueue_registry",
    );
    const [foreign, own] = [await connect(), await connect(url)];
    await foreign.query('BEGIN; SELECT pg_current_xact_id()');
    await admin.query(`CREATE TABLE begun AS SELECT now() AS at`);
    await start({}, url);
    const age = () => series('pgqueue_oldest_transaction_age_seconds{shard="default"}');
    const foreignAge = async () =>
      (await admin.query('SELECT extract(epoch FROM now() - at)::float AS age FROM begun')).rows[0].age;
    await until(
      async () =>
        (await foreignAge()) > 3 &&
        ((await series('pgqueue_snapshot_age_seconds{shard="default"}')) ?? 9) < 1,
    );
    expect(await age()).toBe(0);
    await own.query('BEGIN; SELECT pg_current_xact_id()');
    await until(async () => ((await age()) ?? 0) > 0.5);
    await own.query('ROLLBACK');
    await until(async () => (await age()) === 0);
    await foreign.query(`PREPARE TRANSACTION '${role}'`);
    await until(async () => ((await age()) ?? 0) > 0.5);
    await admin.query(`ROLLBACK PREPARED '${role}'`);
  });
});

const TABLES = ['', '_lease', '_registry', '_pause', '_activity', '_snapshot'].map(
  (name) => `pgqueue${name}`,
);

/** A process that is not started, and so has no connection of the queue's own but that of the metrics. */
async function start(options: PgQueueMetricsOptions = {}, url = database.url): Promise<QueueApp> {
  const app = await createQueueApp({
    url,
    imports: [PgQueueMetricsModule.register({ registry, snapshotPeriod: '1s', ...options })],
    options: { autoStart: false, heartbeatPeriod: '200ms', shutdownTimeout: 50 },
    typeorm: url === database.url ? {} : { migrationsRun: false },
  });
  apps.push(app);
  return app;
}

const apps: QueueApp[] = [];
const clients: pg.Client[] = [];

async function closeAll(): Promise<void> {
  await Promise.all(apps.splice(0).map((app) => app.close()));
  await Promise.all(clients.splice(0).map((client) => client.end()));
}

async function connect(url = database.url): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  clients.push(client);
  return client;
}

const series = async (name: string, of = registry) => (await scrape(of)).get(name);
const shows = (name: string, value: number, of = registry) =>
  until(async () => (await series(name, of)) === value);

let registry: Registry;
