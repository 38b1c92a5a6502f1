#!/usr/bin/env node
/**
 * H44: what a process holds after long work is what it held before: `npm run build && npm run test:faults:soak -- --minutes 60`.
 * Rounds of tasks of which one in twenty fails at first, while every session of the application is ended; after each round
 * the heap is collected, and timers, sockets, listeners and sessions are counted. Ends with 1 when something grew, or Node warned of something.
 */
import 'reflect-metadata';
import { parseArgs } from 'node:util';
import v8 from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import pg from 'pg';
import { PgQueueModule, pgQueueMigrations, QueueService } from '../../dist/lib/index.js';
import { EmbeddedPostgres } from '../../scripts/embedded-postgres/index.mjs';
import { eventually } from './support/wait.mjs';

const TASKS = 2000;
const FAILING = 20;
/** In the first rounds code is compiled, and pools and buffers reach their size. */
const WARM_UP = 3;
/** Of the heap, from the median of the first third of the rounds to that of the last. */
const MOST_GROWTH = 0.1;
/** Of resources and sessions: a few connections more or less are open. One lost in each round shows all the same. */
const SPREAD = 5;
/** A session that is open has its socket and a timer in the process. */
const RESOURCES_OF_A_SESSION = 2;

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '5' }, rounds: { type: 'string' } },
});
const rounds = values.rounds ? Number(values.rounds) : Number.POSITIVE_INFINITY;
const endAt = values.rounds ? Number.POSITIVE_INFINITY : Date.now() + Number(values.minutes) * 60_000;

v8.setFlagsFromString('--expose-gc');
const collect = /** @type {() => void} */ (runInNewContext('gc'));

const server = await EmbeddedPostgres.start({ max_connections: 50 });
const observer = new pg.Client({ connectionString: server.url });
await observer.connect();

class AppModule {}
Module({
  imports: [
    TypeOrmModule.forRoot({
      type: 'postgres',
      url: server.url,
      migrations: [...pgQueueMigrations],
      migrationsRun: true,
      poolErrorHandler: () => undefined,
      // Sessions stay until they are ended, so that as many are there after each round.
      extra: { max: 2, idleTimeoutMillis: 0 },
    }),
    PgQueueModule.forRoot(),
  ],
})(AppModule);
const app = await NestFactory.createApplicationContext(AppModule, { logger: false });
const queue = app.get(QueueService);
let succeeded = 0;
let failed = 0;
/** @type {string[]} */
const warnings = [];
process.on('warning', (warning) => warnings.push(String(warning.stack)));
queue.subscribe((event) => {
  if (event.type === 'attempt-settled') {
    succeeded += event.as === 'succeeded' ? 1 : 0;
    failed += event.as === 'failed' ? 1 : 0;
  }
});
queue.registerKind(
  1,
  async ({ payload, attempt }) => {
    if (/** @type {{ n: number }} */ (payload).n % FAILING === 0 && attempt === 1)
      throw new Error('at first');
  },
  { workerCount: 50, attemptTimeout: '30s', backoff: () => 50, terminalTasksTtl: 0 },
);

const SESSIONS = `FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()`;

async function sessions() {
  const { rows } = await observer.query(`SELECT count(*)::int AS count ${SESSIONS}`);
  return rows[0].count;
}

/** @param {number} before how many had succeeded before this round */
async function round(before) {
  const push = async () => {
    const tasks = Array.from({ length: TASKS }, (_, n) => ({
      kind: 1,
      payload: { n, text: 'x'.repeat(100) },
    }));
    await queue.pushTasks(tasks);
  };
  await eventually(
    () =>
      push().then(
        () => true,
        () => false,
      ),
    30_000,
    'tasks are pushed',
  );
  await observer.query(`SELECT pg_terminate_backend(pid) ${SESSIONS}`);
  // A push that failed may have been stored: more may succeed than were counted.
  await eventually(async () => succeeded >= before + TASKS && (await isEmpty()), 60_000, 'all tasks end');
}

async function isEmpty() {
  const { rows } = await observer.query('SELECT NOT EXISTS (SELECT FROM pgqueue) AS empty');
  return rows[0].empty;
}

/** What the process holds between two rounds, beside its sessions and for them: it opens them as it needs them. */
async function held() {
  collect();
  const open = await sessions();
  return {
    heapMb: v8.getHeapStatistics().used_heap_size / 1024 / 1024,
    resources: process.getActiveResourcesInfo().length - RESOURCES_OF_A_SESSION * open,
    listeners: process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0),
    sessions: open,
  };
}

/** @param {number[]} numbers */
const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;

/** @type {Awaited<ReturnType<typeof held>>[]} */
const samples = [];
for (let done = 0; done < rounds && Date.now() < endAt; done++) {
  await round(succeeded);
  samples.push(await held());
}
await app.close();
await observer.end();
await server.stop();

const counted = samples.slice(WARM_UP);
const third = Math.max(1, Math.floor(counted.length / 3));
/** @param {keyof typeof samples[0]} what */
const growth = (what) => {
  const all = counted.map((sample) => sample[what]);
  return { first: median(all.slice(0, third)), last: median(all.slice(-third)) };
};
const heap = growth('heapMb');
const others = /** @type {const} */ (['resources', 'listeners', 'sessions']).map((what) => ({
  what,
  ...growth(what),
}));
console.log(
  `${samples.length} rounds, ${succeeded} tasks, ${failed} failed attempts. Of the first and the last third of the rounds: ` +
    `heap ${heap.first.toFixed(1)} and ${heap.last.toFixed(1)} MB, ` +
    others.map(({ what, first, last }) => `${what} ${first} and ${last}`).join(', '),
);
for (const warning of warnings) {
  console.log(`Node warned: ${warning}`);
}
const grew =
  heap.last > heap.first * (1 + MOST_GROWTH) || others.some(({ first, last }) => last > first + SPREAD);
process.exitCode = grew || warnings.length > 0 ? 1 : 0;
