// The exact cursor against the database: `npm run build && npm run prove:cursor -- --seconds 60 --seed 7 [--kills]`.
// Hot producers and transactions that commit late, with savepoints, roll-backs and PREPARE TRANSACTION, and a writer in another
// database; two worker processes with moving cursors; the safety sweep is off, so that a task that a cursor passed stays behind.
// --kills: worker processes are killed and their sockets broken too (which starts cursors anew, so that run proves less of them).
import { spawn } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { EmbeddedPostgres } from '../../scripts/embedded-postgres/index.mjs';
import { defineTask } from '../../dist/lib/index.js';
import { createApp } from './app.mjs';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    kills: { type: 'boolean', default: false },
  },
});
const seconds = Number(values.seconds);
let random = Number(values.seed) || 1;
const next = () => (random = (random * 16807) % 2147483647) / 2147483647;
const server = await EmbeddedPostgres.start({ shared_buffers: '512MB', max_prepared_transactions: 20 });
const { url } = server;

const kinds = [1, 2].map((kind) => defineTask({ kind, name: `kind-${kind}`, maxAttempts: 1000 }));
const { app, queue, dataSource } = await createApp(url);
await dataSource.query(
  `INSERT INTO pgqueue_registry VALUES ('sweep:1', 'infinity'), ('sweep:2', 'infinity') ON CONFLICT DO NOTHING`,
);
console.log(`seed ${values.seed}, ${seconds} s${values.kills ? ', with kills' : ''}`);

/** @type {Map<string, number>} (id, attempt) → how often it was started */
const starts = new Map();
/** @type {Map<number, number>} task number → when its transaction had committed */
const committedAt = new Map();
/** @type {number[]} */
const lateWaits = [];
/** @type {Set<number>} */
const late = new Set();
const seen = new Set();
let number = 0;
let pushed = 0;
let kills = 0;
let broken = 0;
let double = 0;
const counts = { rolledBack: 0, savepoints: 0, prepared: 0, late: 0 };

/** @type {Set<import('node:child_process').ChildProcess>} */
const workers = new Set();
async function startWorker() {
  const child = spawn(
    process.execPath,
    [fileURLToPath(new URL('worker.mjs', import.meta.url)), url, String(1 + Math.floor(next() * 1e6))],
    {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    },
  );
  workers.add(child);
  await new Promise((resolve) => {
    child.on('message', (/** @type {any} */ message) => {
      if (message === 'up') {
        resolve(undefined);
      }
      const now = performance.now();
      for (const [kind, id, attempt, n] of message.starts ?? []) {
        const key = `${kind}:${id}:${attempt}`;
        const count = (starts.get(key) ?? 0) + 1;
        starts.set(key, count);
        double += count === 2 ? 1 : 0;
        const at = committedAt.get(n);
        if (!seen.has(n) && late.has(n) && at !== undefined) {
          lateWaits.push(now - at);
        }
        seen.add(n);
      }
    });
  });
  return child;
}

const end = performance.now() + seconds * 1000;
const batch = (/** @type {number} */ size) =>
  Array.from({ length: size }, () => ({
    kind: /** @type {any} */ (kinds[next() < 0.5 ? 0 : 1]),
    payload: { n: ++number },
  }));

/** Autocommit, as fast as it is allowed. */
async function hotProducer() {
  while (performance.now() < end) {
    const tasks = batch(1 + Math.floor(next() * 20));
    const delay = next() < 0.1 ? next() * 1000 : 0;
    await queue.pushTasks(tasks, { delay, priority: next() < 0.5 ? 0 : 5 });
    pushed += tasks.length;
    await pause(next() * 10);
  }
}

/** Transactions that commit up to 3 s after their push. */
async function lateProducer() {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  while (performance.now() < end) {
    const prepared = next() < 0.1;
    const name = `late-${Math.floor(next() * 1e9)}`;
    await client.query('BEGIN');
    if (prepared) {
      await client.query('SET LOCAL pgqueue.notify = off');
    }
    let tasks = batch(1 + Math.floor(next() * 3));
    await queue.pushTasks(tasks, { executor: client, priority: next() < 0.5 ? 0 : 5 });
    if (next() < 0.3) {
      counts.savepoints++;
      await client.query('SAVEPOINT s');
      const more = batch(1);
      await queue.pushTasks(more, { executor: client });
      if (next() < 0.5) {
        await client.query('ROLLBACK TO s');
      } else {
        tasks = [...tasks, ...more];
      }
    }
    await pause(next() * (prepared ? 1500 : 3000));
    const commit = next() > 0.2;
    if (prepared) {
      counts.prepared++;
      await client.query(`PREPARE TRANSACTION '${name}'`);
      await pause(next() * 1500);
    }
    tasks.forEach(({ payload }) => late.add(payload.n));
    await client.query(
      prepared ? `${commit ? 'COMMIT' : 'ROLLBACK'} PREPARED '${name}'` : commit ? 'COMMIT' : 'ROLLBACK',
    );
    if (commit) {
      counts.late += tasks.length;
      pushed += tasks.length;
      const now = performance.now();
      tasks.forEach(({ payload }) => committedAt.set(payload.n, now));
    } else {
      counts.rolledBack++;
    }
  }
  await client.end();
}

/** Transaction ids are of the whole cluster: long writers elsewhere must not matter. */
async function foreignWriter() {
  await dataSource.query('CREATE DATABASE elsewhere').catch(() => undefined);
  const client = new pg.Client({
    connectionString: Object.assign(new URL(url), { pathname: '/elsewhere' }).href,
  });
  await client.connect();
  await client.query('CREATE TABLE IF NOT EXISTS note (n int)');
  while (performance.now() < end) {
    await client.query('BEGIN');
    await client.query('INSERT INTO note VALUES (1)');
    await pause(next() * 2500);
    await client.query('COMMIT');
    await pause(500);
  }
  await client.end();
}

async function trouble() {
  while (values.kills && performance.now() < end - 2000) {
    await pause(1000 + next() * 2000);
    if (next() < 0.5) {
      const [victim] = workers;
      workers.delete(/** @type {any} */ (victim));
      victim?.kill('SIGKILL');
      kills++;
      await startWorker();
    } else {
      broken++;
      await dataSource.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%claimed AS%' AND pid <> pg_backend_pid()`,
      );
    }
  }
}

await Promise.all([startWorker(), startWorker()]);
await Promise.all([
  ...Array.from({ length: 4 }, hotProducer),
  ...Array.from({ length: 4 }, lateProducer),
  foreignWriter(),
  trouble(),
]);

const patience = performance.now() + 30_000;
let left = -1;
while (left !== 0 && performance.now() < patience) {
  await pause(250);
  [{ left }] = await dataSource.query(`SELECT count(*)::int AS left FROM pgqueue`);
}
await Promise.all(
  [...workers].map(
    (child) =>
      new Promise((resolve) => {
        child.on('exit', resolve);
        child.send('stop');
      }),
  ),
);
const sorted = lateWaits.toSorted((a, b) => a - b);
/** @param {number} share */
const percentile = (share) =>
  (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(1);
console.log(
  `pushed ${pushed}, of these ${counts.late} by transactions that committed late; starts ${starts.size}`,
);
console.log(
  `${counts.rolledBack} roll-backs, ${counts.savepoints} savepoints, ${counts.prepared} prepared, ${kills} kills, ${broken} times broken sockets`,
);
console.log(
  `late commit to start: median ${percentile(0.5)} ms, p99 ${percentile(0.99)} ms (${sorted.length} tasks)`,
);
console.log(`claimed twice: ${double}, stuck: ${left}`);
await app.close();
await server.stop();
process.exitCode = double === 0 && left === 0 ? 0 : 1;
