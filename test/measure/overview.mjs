// How long the dashboard's overview takes over HTTP, the counts of QueueAdmin, and the gauges' snapshot, with a million stored tasks: `npm run build && npm run measure:overview`.
// A figure to report: nothing depends on it.
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { ClusterSnapshots } from '../../dist/lib/cluster/admin/cluster-snapshots.js';
import { PgQueueDashboardModule } from '../../dist/lib/dashboard/index.js';
import { PgQueueModule, pgQueueMigrations, QueueAdmin } from '../../dist/lib/index.js';

const TASKS = Number(process.env['TASKS'] ?? 1_000_000);
const KINDS = Number(process.env['KINDS'] ?? 20);
const TIMES = 50;

class AppModule {}
Module({
  imports: [
    TypeOrmModule.forRoot({
      type: 'postgres',
      url: process.env['DATABASE_URL'],
      migrations: [...pgQueueMigrations],
      migrationsRun: true,
    }),
    PgQueueModule.forRoot({ autoStart: false }),
    PgQueueDashboardModule.forRoot({ authorize: () => true }),
  ],
})(AppModule);

const app = await NestFactory.create(AppModule, { logger: ['error'] });
await app.listen(0, '127.0.0.1');
const dataSource = app.get(DataSource);

// Of each ten tasks three are open, half of these due, one is broken and six are finished.
await dataSource.query(
  `INSERT INTO pgqueue (kind, status, payload, priority, run_at, created_at, finished_at, attempts_left, attempts_elapsed, messages)
   SELECT n % $2, s.status, json_build_object('n', n, 'text', repeat('x', 60)), 5,
     now() + (n % 1000 - 500) * interval '1 s', now() - interval '1 h', CASE WHEN n % 10 > 2 THEN now() END,
     CASE WHEN n % 10 = 3 THEN 0 ELSE 3 END, 1, CASE WHEN n % 10 = 3 THEN ARRAY['it broke'] END
   FROM generate_series(1, $1) n, LATERAL (SELECT (ARRAY['new', 'new', 'must_retry', 'no_attempts_left', 'cancelled',
     'succeeded', 'succeeded', 'succeeded', 'succeeded', 'succeeded'])[n % 10 + 1]::pgqueue_status AS status) s`,
  [TASKS, KINDS],
);
await dataSource.query(
  `INSERT INTO pgqueue_activity (kind, minute, succeeded, failed, exhausted, wait, run)
   SELECT kind, date_trunc('minute', now()) - m * interval '1 min', 600, 10, 1, w.buckets, w.buckets
   FROM generate_series(0, $1 - 1) kind, generate_series(0, 1439) m,
     (SELECT array_agg(n) AS buckets FROM generate_series(1, 60) n) w`,
  [KINDS],
);
await dataSource.query(
  `INSERT INTO pgqueue_lease (worker, heartbeat_at, slots, running, settings)
   SELECT 'worker-' || n, now() + interval '1 h',
     (SELECT json_object_agg(kind, json_build_array(10, 3, NULL)) FROM generate_series(0, $1 - 1) kind), '[]',
     (SELECT json_build_object('silenceMs', 15000, 'kinds', json_object_agg(kind, json_build_object('name', 'kind-' || kind)))
      FROM generate_series(0, $1 - 1) kind)
   FROM generate_series(1, 10) n`,
  [KINDS],
);
await dataSource.query('VACUUM ANALYZE');

/**
 * @param {() => Promise<unknown>} work
 * @returns {Promise<string>} how long it takes
 */
async function timed(work) {
  /** @type {number[]} */
  const times = [];
  for (let n = 0; n < TIMES; n++) {
    const startedAt = performance.now();
    await work();
    times.push(performance.now() - startedAt);
  }
  times.sort((a, b) => a - b);
  const percentile = (/** @type {number} */ share) => times[Math.floor(TIMES * share)]?.toFixed(1);
  return `${percentile(0.5)} ms (median), ${percentile(0.95)} ms (p95)`;
}

const url = `${await app.getUrl()}/pgqueue/api/overview`;
let bytes = 0;
const overview = await timed(async () => {
  const response = await fetch(url);
  bytes = (await response.arrayBuffer()).byteLength;
  if (response.status !== 200) throw new Error(`status ${response.status}`);
});
const counts = await timed(() => app.get(QueueAdmin).counts());
const snapshots = app.get(ClusterSnapshots, { strict: false });
// At once again: each time it is taken, and stored.
const snapshot = await timed(() => Promise.all(snapshots.all.map((each) => each.read(0))));
await snapshots.close();
await app.close();

console.log(`${TASKS} stored tasks of ${KINDS} kinds, 10 worker processes
the overview of the dashboard (${Math.round(bytes / 1000)} kB): ${overview}
counts of QueueAdmin: ${counts}
the snapshot of the gauges: ${snapshot}`);
