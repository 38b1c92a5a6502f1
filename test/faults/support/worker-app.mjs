/** A worker process: a Nest application as a user writes one, whose handlers do what their payload says. */
import { ConsoleLogger, Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { getDataSourceToken, TypeOrmModule } from '@nestjs/typeorm';
import { PgQueueHealthIndicator, PgQueueModule, QueueService, TaskHandler } from 'nestjs-pgqueue';
import { Behaviours } from './behaviours.mjs';
import { Kinds } from './kinds.mjs';
import { injected } from './nest.mjs';

/**
 * @typedef {object} WorkerConfig
 * @property {string} url
 * @property {Record<string, import('nestjs-pgqueue').KindOptions & { backoffMs?: number }>} kinds by their key in `Kinds`
 * @property {import('nestjs-pgqueue').PgQueueModuleOptions} [queue]
 * @property {Record<string, unknown>} [typeorm]
 * @property {boolean} [shutdownHooks]
 * @property {boolean} [endsWhenIdle] nothing but the application keeps the process alive
 */

/** @type {WorkerConfig} */
const config = JSON.parse(process.argv[2] ?? '{}');

/** The live worker counts, which the test may change. @type {Map<string, number>} */
const counts = new Map();

/**
 * @param {string} key
 * @returns {import('nestjs-pgqueue').KindOptions}
 */
function optionsOf(key) {
  const { backoffMs = 200, workerCount = 10, ...options } = config.kinds[key] ?? {};
  counts.set(key, /** @type {number} */ (workerCount));
  return {
    attemptTimeout: '60s',
    ...options,
    backoff: () => backoffMs,
    workerCount: () => counts.get(key) ?? 0,
  };
}

/** Handles the kind `work` as most applications do; the others are registered below. */
class Workers {
  /** @param {Behaviours} behaviours */
  constructor(behaviours) {
    this.behaviours = behaviours;
  }

  /** @param {import('nestjs-pgqueue').Task<import('./kinds.mjs').Payload>} task */
  work(task) {
    return this.behaviours.behave(task);
  }
}
injected(Workers, Behaviours);
Injectable()(Workers);
if (config.kinds['work']) {
  const method = /** @type {PropertyDescriptor} */ (
    Object.getOwnPropertyDescriptor(Workers.prototype, 'work')
  );
  TaskHandler(Kinds.work, optionsOf('work'))(Workers.prototype, 'work', method);
}

class AppModule {
  /**
   * @param {QueueService} queue
   * @param {Behaviours} behaviours
   */
  constructor(queue, behaviours) {
    behaviours.tell = tell;
    queue.subscribe((event) => tell({ ...event, error: describe(event) }));
    for (const [key, definition] of Object.entries(Kinds)) {
      if (key !== 'work' && config.kinds[key]) {
        queue.registerKind(definition, (task) => behaviours.behave(task), optionsOf(key));
      }
    }
  }
}
injected(AppModule, QueueService, Behaviours);
Module({
  imports: [
    TypeOrmModule.forRoot({ type: 'postgres', url: config.url, retryAttempts: 0, ...config.typeorm }),
    PgQueueModule.forRoot(config.queue ?? {}),
  ],
  providers: [Behaviours, Workers],
})(AppModule);

/** @param {object} event */
function describe(event) {
  const error = /** @type {{ error?: { message?: string, code?: string } }} */ (event).error;
  return error && `${error.message} (${error.code ?? ''})`;
}

/** @type {Record<string, unknown>[]} */
let waiting = [];

/** Events go to the test in bundles: a busy worker must not spend its time on telling. @param {Record<string, unknown>} event */
function tell(event) {
  if (event['type'] === 'claimed' || event['type'] === 'saturated' || event['type'] === 'flushed') return;
  if (waiting.push({ ...event, at: Date.now() }) === 1) setTimeout(flush, 20);
  // The process may be about to end.
  if (event['type'] === 'stopped') flush();
}

function flush() {
  const events = waiting;
  waiting = [];
  if (process.connected) process.send?.({ events });
}

const logger = new ConsoleLogger({ colors: false });
const app = await NestFactory.createApplicationContext(AppModule, { logger });
if (config.shutdownHooks ?? true) app.enableShutdownHooks();

const queue = app.get(QueueService);
const behaviours = app.get(Behaviours, { strict: false });
const health = app.get(PgQueueHealthIndicator, { strict: false });

/** @type {Record<string, (argument: any) => unknown>} */
const commands = {
  start: () => queue.start(),
  stop: () => queue.stop(),
  close: () => app.close(),
  health: async () => (await health.isHealthy('queue')).queue,
  concurrency: () => ({ active: behaviours.active, maxActive: behaviours.maxActive }),
  ping: async () => app.get(getDataSourceToken()).query('SELECT 1'),
  /** @param {Record<string, number>} changed */
  workers: (changed) => Object.entries(changed).forEach(([key, count]) => counts.set(key, count)),
  /** Keeps the event loop from turning. @param {number} ms */
  block: (ms) => {
    for (const end = Date.now() + ms; Date.now() < end;);
  },
};

process.on(
  'message',
  (/** @type {{ id: number, name: string, argument: unknown }} */ { id, name, argument }) => {
    void (async () => commands[name]?.(argument))().then(
      (result) => process.send?.({ id, result: result ?? null }),
      (error) => process.send?.({ id, error: String(error) }),
    );
  },
);
// A test that is gone leaves no workers behind. Its channel keeps a worker alive, as an HTTP server does in most applications.
process.on('disconnect', () => process.exit(70));
if (config.endsWhenIdle) process.channel?.unref();
flush();
process.send?.({ ready: behaviours.run });
