/** This library, as an application uses it: a Nest application context with TypeORM. */
/** @import { Contender } from '../types.js' */
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import pg from 'pg';

// The build, not the sources; its types are those of the sources, so that the type check does not need a build.
const library = new URL('../../dist/lib/index.js', import.meta.url).href;
const { defineTask, PgQueueModule, pgQueueMigrations, QueueService } =
  /** @type {typeof import('nestjs-pgqueue')} */ (await import(library));

const KIND = 1;
const BEST_SLOTS = 1000;
/** As many as push at once. */
const POOL = 32;

/**
 * @param {string} url
 * @param {{ migrate?: boolean, poolSize?: number, taskContext?: boolean }} [settings]
 */
async function boot(url, { migrate = false, poolSize, taskContext = true } = {}) {
  class AppModule {}
  Module({
    imports: [
      TypeOrmModule.forRoot({
        type: 'postgres',
        url,
        migrations: [...pgQueueMigrations],
        migrationsRun: migrate,
        ...(poolSize ? { poolSize } : {}),
      }),
      PgQueueModule.forRoot({ autoStart: false, taskContext }),
    ],
  })(AppModule);
  // Tasks that fail on purpose are warnings.
  return NestFactory.createApplicationContext(AppModule, { logger: ['error'] });
}

/** @type {Contender} */
export default {
  name: 'pgqueue',
  server: 'postgres',
  packages: ['@nestjs/core', 'typeorm', 'pg'],
  configurations: {
    best: `workerCount ${BEST_SLOTS}, terminalTasksTtl 0, taskContext false; producers: TypeORM poolSize ${POOL}`,
    default: 'workerCount 1, succeeded tasks kept for 3 days',
    ten: 'workerCount 10, else as default',
  },

  async install({ url }) {
    await (await boot(url, { migrate: true })).close();
  },

  async openProducer({ url }) {
    const app = await boot(url, { poolSize: POOL });
    const queue = app.get(QueueService);
    const look = new pg.Client({ connectionString: url });
    await look.connect();
    const kind = defineTask({ kind: KIND });
    return {
      pushOne: (payload) => queue.pushTask({ kind, payload }),
      pushMany: (payloads) => queue.pushTasks(payloads.map((payload) => ({ kind, payload }))),
      async countLeft() {
        const { rows } = await look.query(
          `SELECT count(*)::int AS count FROM pgqueue WHERE status IN ('new', 'must_retry', 'no_attempts_left')`,
        );
        return rows[0].count;
      },
      async close() {
        await look.end();
        await app.close();
      },
    };
  },

  async openWorker({ url }, { configuration, slots, kinds = 1, handle }) {
    const app = await boot(url, { taskContext: configuration !== 'best' });
    const queue = app.get(QueueService);
    /** @type {import('nestjs-pgqueue').KindOptions} */
    const options = {
      attemptTimeout: '10m',
      backoff: () => 0,
      ...(configuration === 'best' && { workerCount: BEST_SLOTS, terminalTasksTtl: 0 }),
      ...(configuration === 'ten' && { workerCount: 10 }),
      ...(slots && { workerCount: slots }),
    };
    for (let kind = KIND; kind < KIND + kinds; kind++) {
      queue.registerKind(kind, (task) => handle(task.payload), options);
    }
    return { start: () => queue.start(), stop: () => app.close() };
  },
};
