// How many statements a worker process asks for while there is nothing to do, with default options, over a real database:
// `npm run build && npm run measure:idle-traffic`. A figure to report: nothing depends on it.
import 'reflect-metadata';
import { setTimeout as pause } from 'node:timers/promises';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import pg from 'pg';
import { PgQueueModule, pgQueueMigrations, QueueService } from '../../dist/lib/index.js';

const MINUTES = Number(process.env['MINUTES'] ?? 2);
/** A process rests when nothing has happened for 10 s. */
const SETTLED_MS = 20_000;

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

let statements = 0;
const { query } = pg.Client.prototype;
pg.Client.prototype.query = /** @type {typeof query} */ (
  /** @this {pg.Client} @param {unknown[]} asked */
  function (...asked) {
    statements++;
    return Reflect.apply(query, this, asked);
  }
);

const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error'] });
const queue = app.get(QueueService);
queue.registerKind(1, () => undefined, { attemptTimeout: '10s', backoff: () => 1000 });
await queue.start();
await pause(SETTLED_MS);
statements = 0;
await pause(MINUTES * 60_000);
console.log(`idle: ${(statements / MINUTES).toFixed(1)} statements a minute, over ${MINUTES} minutes`);
await app.close();
