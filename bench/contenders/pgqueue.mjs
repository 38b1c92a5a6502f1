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

/** @import { Store } from '../types.js' */
/** Tasks are spread by their numbers. */
const nameOf = (/** @type {number} */ shard) => `shard-${shard}`;

/**
 * @param {Store} store
 * @param {{ migrate?: boolean, poolSize?: number, taskContext?: boolean }} [settings]
 */
async function boot({ url, shards }, { migrate = false, poolSize, taskContext = true } = {}) {
  const sources = shards?.map((shard, index) => ({ name: nameOf(index), url: shard })) ?? [{ url }];
  class AppModule {}
  Module({
    imports: [
      ...sources.map((source) =>
        TypeOrmModule.forRoot({
          type: 'postgres',
          ...source,
          migrations: [...pgQueueMigrations],
          migrationsRun: migrate,
          ...(poolSize ? { poolSize } : {}),
        }),
      ),
      PgQueueModule.forRoot({
        autoStart: false,
        taskContext,
        ...(shards && {
          shards: {
            names: shards.map((_, index) => nameOf(index)),
            shardOf: (key) => nameOf(Number(key) % shards.length),
          },
        }),
      }),
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

  async install(store) {
    await (await boot(store, { migrate: true })).close();
  },

  async openProducer(store) {
    const app = await boot(store, { poolSize: POOL });
    const queue = app.get(QueueService);
    const looks = (store.shards ?? [store.url]).map((url) => new pg.Client({ connectionString: url }));
    await Promise.all(looks.map((look) => look.connect()));
    const kind = defineTask({ kind: KIND });
    return {
      pushOne: (payload) => queue.pushTask({ kind, payload }),
      pushMany: (payloads) =>
        queue.pushTasks(
          payloads.map((payload) => ({ kind, payload, ...(store.shards && { shardKey: payload.n }) })),
        ),
      async countLeft() {
        const counts = await Promise.all(looks.map(countUnfinished));
        return counts.reduce((sum, count) => sum + count, 0);
      },
      async close() {
        await Promise.all(looks.map((look) => look.end()));
        await app.close();
      },
    };
  },

  async openWorker(store, { configuration, slots, kinds = 1, handle }) {
    const app = await boot(store, { taskContext: configuration !== 'best' });
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

/** @param {pg.Client} look @returns {Promise<number>} */
async function countUnfinished(look) {
  const { rows } = await look.query(
    `SELECT count(*)::int AS count FROM pgqueue WHERE status IN ('new', 'must_retry', 'no_attempts_left')`,
  );
  return rows[0].count;
}
