/** Starts and closes applications and tells what they hold and leave behind; run by frugality.spec.ts. */
import 'reflect-metadata';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Injectable, type ModuleMetadata } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import { PrometheusModule } from '@willsoto/nestjs-prometheus';
import pg from 'pg';
import { DataSource } from 'typeorm';
import { defineTask, noJitter, PgQueueModule, QueueService, TaskHandler } from '../../lib/index.js';
import { PgQueueMetricsModule } from '../../lib/metrics/index.js';
import { QUEUE_OPTIONS } from '../support/over.js';

const url = process.env['DATABASE_URL']!;
const APPS = 50;
const WORK = defineTask<number>({ kind: 1 });
const ran = new Set<number>();

@Injectable()
class Worker {
  @TaskHandler(WORK, { attemptTimeout: '60s', backoff: noJitter('1s') })
  work({ payload }: { payload: number }) {
    ran.add(payload);
  }
}

async function start({ imports = [], providers = [] }: ModuleMetadata) {
  const database = TypeOrmModule.forRoot({
    type: 'postgres',
    url,
    retryAttempts: 0,
    // One connection that is never idle for too long, so that TypeORM's own pool has no timer.
    extra: { max: 1, idleTimeoutMillis: 0 },
  });
  const testing = await Test.createTestingModule({ imports: [database, ...imports], providers }).compile();
  return testing.init();
}

/** What keeps this process alive, and what listens in it. */
async function held() {
  await nextTurn();
  const listeners = Object.fromEntries(
    process.eventNames().map((name) => [String(name), process.listenerCount(name)]),
  );
  return { resources: process.getActiveResourcesInfo().toSorted(), listeners };
}

const LOOK = new pg.Client({ connectionString: url });
await LOOK.connect();

async function connections(): Promise<number> {
  const { rows } = await LOOK.query(
    'SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
  );
  return rows[0].count;
}

/** What an application holds while it runs. */
async function hold(metadata: ModuleMetadata, use: (queue: QueueService) => Promise<unknown>) {
  const app = await start(metadata);
  await app.get(DataSource).query('SELECT 1');
  const queue = app.get(QueueService, { strict: false });
  await use(queue);
  const report = { ...(await held()), connections: await connections() };
  await app.close();
  return report;
}

@Injectable()
class NoQueue {}

const before = await held();
const withoutQueue = await hold(
  { providers: [{ provide: QueueService, useClass: NoQueue }] },
  async () => undefined,
);
const pushing = await hold({ imports: [PgQueueModule.forRoot(QUEUE_OPTIONS)] }, async (queue) => {
  await queue.pushTask({ kind: WORK, payload: -1 });
  await queue.stop();
  await queue.start();
});
const waiting = await hold(
  { imports: [PgQueueModule.forRoot({ ...QUEUE_OPTIONS, autoStart: false })], providers: [Worker] },
  (queue) => queue.pushTask({ kind: WORK, payload: -2 }),
);

for (let app = 0; app < APPS; app++) {
  const working = await start({
    imports: [
      PgQueueModule.forRoot(QUEUE_OPTIONS),
      PrometheusModule.register({ defaultMetrics: { enabled: false } }),
      PgQueueMetricsModule,
    ],
    providers: [Worker],
  });
  await working.get(QueueService).pushTask({ kind: WORK, payload: app });
  while (!ran.has(app)) {
    await nextTurn();
  }
  await working.close();
}
// A closed connection takes the server, and then the socket, a moment.
const deadline = performance.now() + 5000;
let after = { ...(await held()), connections: await connections() };
while (after.resources.length > before.resources.length && performance.now() < deadline) {
  after = { ...(await held()), connections: await connections() };
}
await LOOK.end();
process.stdout.write(`${JSON.stringify({ before, withoutQueue, pushing, waiting, after, ran: ran.size })}\n`);
