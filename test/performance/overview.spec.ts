import pg from 'pg';
import { afterAll, expect } from 'vitest';
import { OverviewFeed } from '../../lib/dashboard/overview-feed.js';
import { QueueAdmin } from '../../lib/index.js';
import { databasePerFile, until } from '../support/index.js';

const KINDS = 10;

const { it, database, openApp } = databasePerFile({});

let observer: pg.Client;

it.beforeAll(async () => {
  observer = new pg.Client({ connectionString: database.url });
});

afterAll(() => observer.end());

it('reads as much of a million tasks as of a quarter', { timeout: 120_000 }, async () => {
  await (await createApp()).close();
  await observer.connect();
  await observer.query(
    `INSERT INTO pgqueue_activity (kind, minute, succeeded, failed, exhausted, wait, run)
     SELECT kind, date_trunc('minute', now()) - m * interval '1 min', 1, 0, 0, '{1}', '{1}'
     FROM generate_series(0, $1::int - 1) kind, generate_series(0, 1439) m`,
    [KINDS],
  );
  await store(250_000);
  const ofFew = await readByOverview();
  await store(750_000);
  const ofMany = await readByOverview();
  expect(ofMany.rows).toBeLessThan(ofFew.rows * 1.2);
  expect(ofMany.rows).toBeLessThan(100_000);
  expect(ofMany.scans).toBe(0);
});

const createApp = () => openApp({ options: { autoStart: false } });

/** Tasks of each status, and what came of them each minute of a day. */
async function store(tasks: number): Promise<void> {
  await observer.query(
    `INSERT INTO pgqueue (kind, status, payload, run_at, finished_at)
     SELECT n % $2::int, (ARRAY['new', 'must_retry', 'no_attempts_left', 'cancelled', 'succeeded'])[n / $2::int % 5 + 1]::pgqueue_status,
       '{}', now() - n * interval '1 ms', CASE WHEN n / $2::int % 5 > 2 THEN now() END
     FROM generate_series(1, $1::int) n`,
    [tasks, KINDS],
  );
  await observer.query('ANALYZE');
}

/** How many rows and entries of indexes the server has come upon, in all of the queue's tables. */
async function rowsRead(): Promise<{ rows: number; scans: number }> {
  await observer.query('SELECT pg_stat_clear_snapshot()');
  const { rows } = await observer.query(
    `SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::int AS rows, sum(seq_scan) FILTER (WHERE relname = 'pgqueue')::int AS scans
     FROM pg_stat_user_tables WHERE relname LIKE 'pgqueue%'`,
  );
  return rows[0];
}

/** What one overview reads: a session tells at its end what it did. */
async function readByOverview(): Promise<{ rows: number; scans: number }> {
  const before = await rowsRead();
  const app = await createApp();
  const admin = app.get(QueueAdmin);
  await new OverviewFeed({ run: (_, work) => work(admin) }, 1000, 0).now({ kinds: null });
  await app.close();
  const after = await until(async () => {
    const now = await rowsRead();
    return now.rows > before.rows && now;
  });
  return { rows: after.rows - before.rows, scans: after.scans - before.scans };
}
