import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readFileSync } from 'node:fs';
import {
  defineTask,
  noJitter,
  PgQueueModule,
  QueueAdmin,
  type QueueEvent,
  QueueService,
} from '../../lib/index.js';
import { giveSettings, HOSTILE_SETTINGS } from '../support/hostile-settings.js';
import { until } from '../support/index.js';
import { startApp } from '../support/nest-app.js';
import { dropRoles } from '../support/roles.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

let database: TestDatabase;
let owner: pg.Client;
let pool: pg.Pool;

beforeAll(async () => {
  database = await createTestDatabase({ plain: true });
  owner = new pg.Client(database.url);
  await owner.connect();
  await owner.query(readFileSync('migrations/1795478400000-create-pgqueue.up.sql', 'utf8'));
  await owner.query("CREATE ROLE odd SUPERUSER LOGIN PASSWORD 'pw'");
  await giveSettings(owner, 'odd', {
    ...HOSTILE_SETTINGS,
    // The abbreviation of its time zone can't be read back.
    DateStyle: 'SQL, DMY',
    TimeZone: 'Pacific/Guam',
    transaction_timeout: '700ms',
    idle_session_timeout: '700ms',
    statement_timeout: '700ms',
    lock_timeout: '700ms',
  });
  const url = new URL(database.url);
  url.username = 'odd';
  url.password = 'pw';
  pool = new pg.Pool({ connectionString: url.href, idleTimeoutMillis: 100, maxUses: 2 });
});

afterAll(async () => {
  await pool.end();
  await owner.end();
  await database.drop();
  await dropRoles(database.url, ['odd']);
});

it('works for a role whose settings would hurt it: nothing fails, nothing stays, nothing gets a key that it has not', async () => {
  await owner.query(
    `INSERT INTO pgqueue (kind, payload, status, finished_at)
     SELECT 1, '{}', 'succeeded', now() - interval '9 days' + i * interval '1 second' FROM generate_series(1, ${EXPIRED}) i`,
  );
  const app = await startApp({
    imports: [PgQueueModule.forRoot({ pool, autoStart: false, heartbeatPeriod: 100, leaseTimeout: 2000 })],
  });
  const queue = app.get(QueueService);
  const events: QueueEvent[] = [];
  queue.subscribe((event) => events.push(event));
  const ran: string[] = [];
  queue.registerKind(Mail, ({ payload }) => void ran.push(payload as string));
  await queue.start();
  await until(() => events.some(({ type }) => type === 'listening'));
  const expired = () => events.flatMap((event) => (event.type === 'tasks-expired' ? [event.count] : []));
  await until(() => expired().length > 0);
  expect(expired()).toEqual([EXPIRED]);

  await owner.query('BEGIN; LOCK TABLE pgqueue IN ACCESS EXCLUSIVE MODE');
  // Longer than any time-out of the role.
  await owner.query('SELECT pg_sleep(1.5)');
  await owner.query('COMMIT');

  // As an array of texts some of which are none.
  const results = await queue.pushTasks([
    { kind: Mail, payload: 'keyed', externalKey: 'a' },
    { kind: Mail, payload: 'plain' },
    { kind: Mail, payload: 'plain too' },
  ]);
  expect(results.map(({ status }) => status)).toEqual(['pushed', 'pushed', 'pushed']);
  await until(() => ran.length === 3);
  const keys = await until(async () => {
    const { rows } = await owner.query(
      "SELECT external_key FROM pgqueue WHERE status = 'succeeded' ORDER BY external_key",
    );
    return rows.length === 3 && rows.map((row) => row.external_key);
  });
  expect(keys).toEqual(['a', null, null]);
  const admin = app.get(QueueAdmin);
  const past = { createdFrom: new Date(0), createdTo: new Date(Date.now() + 60_000) };
  expect((await admin.list({ kind: Mail, ...past })).tasks).toHaveLength(3);
  expect(await admin.workers()).toHaveLength(1);

  const { rows } = await owner.query(
    "SELECT DISTINCT application_name AS name FROM pg_stat_activity WHERE application_name LIKE 'nestjs-pgqueue%'",
  );
  const roles = rows.map(({ name }) => (name as string).split(' ')[1]);
  expect(roles).toEqual(expect.arrayContaining(['claim', 'heartbeat', 'settle', 'listen']));
  await app.close();
  const failed = events.filter(({ type }) => type === 'connection-failed' || type === 'lease-lost');
  expect(failed.filter((event) => !gaveWay(event))).toEqual([]);
}, 30_000);

const Mail = defineTask<string>({
  kind: 1,
  name: 'mail',
  attemptTimeout: '20s',
  backoff: noJitter(10),
  terminalTasksTtl: '1h',
  loop: { fetcherPeriod: 100, janitorPeriod: '1h' },
});
const EXPIRED = 6000;

/** Maintenance that meets a locked table waits no longer than the queue lets it, and comes again. */
const gaveWay = (event: QueueEvent) =>
  event.type === 'connection-failed' &&
  event.role === 'maintenance' &&
  (event.error as { code?: string }).code === '55P03';
