// How long a task waits on an idle queue, from the call of pushTask to the start of its handler, over a real database:
// `npm run build && npm run measure:wake-up`. A figure to report: nothing depends on it.
import 'reflect-metadata';
import { setTimeout as pause } from 'node:timers/promises';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { PgQueueModule, pgQueueMigrations, QueueService } from '../../dist/lib/index.js';

const TASKS = Number(process.env['TASKS'] ?? 200);

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
  ],
})(AppModule);

const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error'] });
const queue = app.get(QueueService);
/** @type {Map<number, number>} */
const pushedAt = new Map();
/** @type {number[]} */
const waits = [];
queue.registerKind(
  1,
  async (task) => {
    waits.push(performance.now() - /** @type {number} */ (pushedAt.get(/** @type {any} */ (task.payload).n)));
  },
  { attemptTimeout: '10s', backoff: () => 1000, workerCount: 10, terminalTasksTtl: 0 },
);
await queue.start();
await pause(1000);
for (let n = 0; n < TASKS; n++) {
  pushedAt.set(n, performance.now());
  await queue.pushTask({ kind: 1, payload: { n } });
  await pause(20 + Math.random() * 30);
}
while (waits.length < TASKS) {
  await pause(10);
}
await app.close();

const sorted = waits.toSorted((a, b) => a - b);
/** @param {number} share */
const percentile = (share) => sorted[Math.min(TASKS - 1, Math.floor(TASKS * share))]?.toFixed(2);
console.log(
  `${TASKS} tasks, push to handler start: median ${percentile(0.5)} ms, p95 ${percentile(0.95)} ms, p99 ${percentile(0.99)} ms`,
);
