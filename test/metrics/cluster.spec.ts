import pg from 'pg';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect } from 'vitest';
import { type PgQueueModuleOptions, QueueAdmin } from '../../lib/index.js';
import { PgQueueMetricsModule, type PgQueueMetricsOptions } from '../../lib/metrics/index.js';
import { cutOff } from '../support/cut-off.js';
import { databasePerTest, newKind, type OpenApp, recordEvents, until } from '../support/index.js';
import { cannotRunOver } from '../support/over.js';
import { createQueueApp } from '../support/queue-app.js';
import { scrape } from '../support/scrape.js';

const { it, database, openApp } = databasePerTest({});

beforeEach(() => {
  registry = new Registry();
});

afterEach(() => Promise.all(clients.splice(0).map((client) => client.end())));

describe('the gauges of the cluster', () => {
  it('H54: are at 0 from the moment a kind is registered, whatever the database does', async () => {
    const client = await connect();
    await start({ registry: new Registry() });
    await client.query('BEGIN; LOCK TABLE pgqueue_snapshot');
    const { queue } = await start();
    queue.registerKind(newKind({ name: 'work' }), () => undefined);
    const found = await scrape(registry);
    const expected = [
      ...['work', 'unknown'].flatMap((kind) => [
        ...STATUSES.map((status) => `pgqueue_tasks{shard="default",kind="${kind}",status="${status}"}`),
        `pgqueue_oldest_due_age_seconds{shard="default",kind="${kind}"}`,
        `pgqueue_kind_paused{shard="default",kind="${kind}"}`,
      ]),
      'pgqueue_workers{shard="default"}',
      'pgqueue_workers_lost{shard="default"}',
      'pgqueue_oldest_transaction_age_seconds{shard="default"}',
      ...TABLES.map((table) => `pgqueue_dead_tuples{shard="default",table="${table}"}`),
      'pgqueue_shard_up{shard="default"}',
    ];
    expect(expected.map((name) => [name, found.get(name)])).toEqual(expected.map((name) => [name, 0]));
    expect(found.get('pgqueue_snapshot_age_seconds{shard="default"}')).toBeGreaterThan(0);
  });

  it('H36: show what is stored, paused and alive, in a process that only pushes too', async () => {
    const work = newKind({ name: 'work' });
    const worker = await start({ registry: new Registry() });
    worker.queue.registerKind(work, () => new Promise(() => undefined));
    await worker.queue.start();
    const pusher = await start();
    await pusher.dataSource.query(
      `INSERT INTO pgqueue (kind, status, payload, run_at)
       VALUES ($1, 'new', '{}', now() - interval '2 hours'), ($1, 'must_retry', '{}', now() + interval '1 hour'),
         ($1, 'no_attempts_left', '{}', now()), ($1, 'no_attempts_left', '{}', now()), (77, 'new', '{}', now() - interval '1 hour')`,
      [work.kind],
    );
    await pusher.dataSource.query(
      `INSERT INTO pgqueue_lease (worker, heartbeat_at) VALUES ('dead', now() - interval '1 hour')`,
    );
    await pusher.get(QueueAdmin).pause(work);
    await shows('pgqueue_kind_paused{shard="default",kind="work"}', 1);
    await shows('pgqueue_tasks{shard="default",kind="work",status="no_attempts_left"}', 2);
    await shows('pgqueue_workers{shard="default"}', 1);
    const found = await scrape(registry);
    expect(found.get('pgqueue_tasks{shard="default",kind="work",status="must_retry"}')).toBe(1);
    // Of a kind that nobody names.
    expect(found.get('pgqueue_tasks{shard="default",kind="unknown",status="new"}')).toBe(1);
    expect(
      found.get('pgqueue_oldest_due_age_seconds{shard="default",kind="unknown"}'),
    ).toBeGreaterThanOrEqual(3600);
    expect([...found.keys()].filter((name) => name.includes('77'))).toEqual([]);
  });

  /** With the pooling of transactions, and without it where sessions are the application's own. */
  const POOLING = cannotRunOver({ pgbouncer: 'it takes session locks' }) ? [true] : [false, true];

  it.each(POOLING)('tell of silent worker processes, with transaction pooling: %s', async (pooling) => {
    const { dataSource } = await start({}, { transactionPooling: pooling });
    await dataSource.query(
      `INSERT INTO pgqueue_lease (worker, heartbeat_at, settings) VALUES ('dead', now() - interval '1 hour', NULL),
         ('live', now() + interval '1 hour', '{"silenceMs": 15000, "kinds": {}}')`,
    );
    await shows('pgqueue_workers_lost{shard="default"}', 1);
    expect(await series('pgqueue_workers{shard="default"}')).toBe(1);
  });

  it('are taken by nobody whose role may not read all of it: it would only have the turns of others', async () => {
    const owner = await start({ registry: new Registry(), snapshotPeriod: '1h' });
    const role = `limited_${database.name}`;
    await owner.dataSource.query(`
      CREATE ROLE ${role} LOGIN PASSWORD 'secret';
      GRANT SELECT, INSERT, UPDATE ON pgqueue_snapshot, pgqueue_registry TO ${role}`);
    const url = Object.assign(new URL(database.url), { username: role, password: 'secret' }).href;
    const limited = await createQueueApp({
      url,
      typeorm: { migrationsRun: false },
      options: { autoStart: false },
      imports: [PgQueueMetricsModule.register({ registry, snapshotPeriod: '1s' })],
    });
    try {
      const looks = recordEvents(limited.queue);
      await until(async () => ((await series('pgqueue_snapshot_age_seconds{shard="default"}')) ?? 0) > 2);
      expect(looks.of('connection-failed')).toEqual([]);
      await owner.dataSource.query(`INSERT INTO pgqueue (kind, payload) VALUES (77, '{}')`);
      await start({ registry: new Registry() });
      expect(await shows('pgqueue_tasks{shard="default",kind="unknown",status="new"}', 1)).toBe(true);
    } finally {
      await limited.close();
      await owner.dataSource.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
    }
  });

  it('go to 0 when the last task of a kind is gone, and keep its name when the last worker process is', async () => {
    const work = newKind({ name: 'work', workerCount: 0 });
    const worker = await start({ registry: new Registry() });
    worker.queue.registerKind(work, () => undefined);
    await worker.queue.start();
    const { dataSource } = await start();
    await dataSource.query(`INSERT INTO pgqueue (kind, payload) VALUES ($1, '{}'), ($1, '{}')`, [work.kind]);
    await shows('pgqueue_tasks{shard="default",kind="work",status="new"}', 2);
    await worker.close();
    await shows('pgqueue_workers{shard="default"}', 0);
    await dataSource.query(`INSERT INTO pgqueue (kind, payload) VALUES ($1, '{}')`, [work.kind]);
    await shows('pgqueue_tasks{shard="default",kind="work",status="new"}', 3);
    // One that has never heard of the kind learns its name from the snapshot.
    const other = new Registry();
    await start({ registry: other });
    await shows('pgqueue_tasks{shard="default",kind="work",status="new"}', 3, other);
    await dataSource.query('DELETE FROM pgqueue');
    expect(await shows('pgqueue_tasks{shard="default",kind="work",status="new"}', 0)).toBe(true);
  });

  it('H54: come from one snapshot per period, however many processes and scrapes there are', async () => {
    const registries = [new Registry(), new Registry(), new Registry()];
    const owner = await start({ registry: new Registry(), snapshotPeriod: '1h' });
    await owner.dataSource.query(`
      CREATE TABLE taken AS SELECT taken_at FROM pgqueue_snapshot WITH NO DATA;
      CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$ BEGIN INSERT INTO taken VALUES (clock_timestamp()); RETURN NULL; END $$;
      CREATE TRIGGER note AFTER INSERT OR UPDATE ON pgqueue_snapshot FOR EACH ROW EXECUTE FUNCTION note()`);
    await Promise.all(registries.map((of) => start({ registry: of })));
    const gaps = await until(async () => {
      await Promise.all(registries.map((of) => of.metrics()));
      const rows: { gap: number }[] = await owner.dataSource.query(
        `SELECT (extract(epoch FROM taken_at - lag(taken_at) OVER (ORDER BY taken_at)) * 1000)::float AS gap FROM taken`,
      );
      return rows.length >= 5 && rows.slice(1).map(({ gap }) => gap);
    }, 20_000);
    // From a turn to the next is a period at least; from the end of a look to the end of the next, a little less.
    expect(gaps.filter((gap) => gap < 800)).toEqual([]);
    const stored = await Promise.all(
      registries.map((of) => series('pgqueue_tasks{shard="default",kind="unknown",status="new"}', of)),
    );
    expect(new Set(stored).size).toBe(1);
  }, 40_000);

  it('H54: stay as they are while the database is down, and their age grows', async () => {
    // A pooler keeps statements waiting while the server is away.
    const { dataSource } = await start({}, { statementTimeout: '2s' });
    await dataSource.query(`INSERT INTO pgqueue (kind, payload) VALUES (77, '{}')`);
    await shows('pgqueue_tasks{shard="default",kind="unknown",status="new"}', 1);
    const restore = await cutOff(database);
    const failures = 'pgqueue_connection_failures_total{shard="default",role="maintenance"}';
    await until(async () => ((await series(failures)) ?? 0) >= 2);
    const age = (await series('pgqueue_snapshot_age_seconds{shard="default"}'))!;
    await until(
      async () => ((await series('pgqueue_snapshot_age_seconds{shard="default"}')) ?? 0) > Math.max(2, age),
    );
    expect(await series('pgqueue_tasks{shard="default",kind="unknown",status="new"}')).toBe(1);
    await restore();
    await until(async () => ((await series('pgqueue_snapshot_age_seconds{shard="default"}')) ?? 9) < 1.5);
  });

  it('H54: are scraped while the database does not answer', async () => {
    const { dataSource } = await start();
    const client = await connect();
    await dataSource.query(`INSERT INTO pgqueue (kind, payload) VALUES (77, '{}')`);
    await shows('pgqueue_tasks{shard="default",kind="unknown",status="new"}', 1);
    await client.query('BEGIN; LOCK TABLE pgqueue_snapshot');
    await until(async () => {
      const { rowCount } = await client.query('SELECT FROM pg_locks WHERE NOT granted');
      return rowCount! > 0;
    });
    expect(await series('pgqueue_tasks{shard="default",kind="unknown",status="new"}')).toBe(1);
    await client.query('ROLLBACK');
  });

  it('are shared by applications of one process: a view ends with its application', async () => {
    const first = await start();
    const second = await start();
    await first.dataSource.query(`INSERT INTO pgqueue (kind, payload) VALUES (77, '{}')`);
    await shows('pgqueue_tasks{shard="default",kind="unknown",status="new"}', 1);
    await first.close();
    await second.dataSource.query('DELETE FROM pgqueue');
    expect(await shows('pgqueue_tasks{shard="default",kind="unknown",status="new"}', 0)).toBe(true);
  });

  it('refuse a period that is too short', () => {
    expect(() => PgQueueMetricsModule.register({ snapshotPeriod: 999 })).toThrow('snapshotPeriod');
  });
});

const TABLES = ['', '_lease', '_registry', '_pause', '_activity', '_snapshot'].map(
  (name) => `pgqueue${name}`,
);

/** A process that is not started, and so has no connection of the queue's own but that of the metrics. */
function start(options: PgQueueMetricsOptions = {}, queue: PgQueueModuleOptions = {}): Promise<OpenApp> {
  return openApp({
    imports: [PgQueueMetricsModule.register({ registry, snapshotPeriod: '1s', ...options })],
    options: { autoStart: false, heartbeatPeriod: '200ms', shutdownTimeout: 50, ...queue },
  });
}

async function connect(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  clients.push(client);
  return client;
}

const series = async (name: string, of = registry) => (await scrape(of)).get(name);
const shows = (name: string, value: number, of = registry) =>
  until(async () => (await series(name, of)) === value);

const STATUSES = ['new', 'must_retry', 'processing', 'no_attempts_left', 'succeeded', 'cancelled'];

const clients: pg.Client[] = [];

let registry: Registry;
