/** Pushes tasks as an application does, and keeps what was acknowledged to it. */
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { PgQueueModule, pgQueueMigrations, QueueService } from 'nestjs-pgqueue';
import { Kinds, MAX_ATTEMPTS } from './kinds.mjs';
import { createSideTables } from './side-tables.mjs';

/** @typedef {import('./kinds.mjs').KindKey} KindKey */
/** @typedef {import('./kinds.mjs').Payload} Payload */
/** @typedef {import('./kinds.mjs').Payload & { kind?: KindKey, key?: string }} ToPush */

export class Producer {
  /** The ids of tasks whose push was committed, as far as this side was told. @type {Set<string>} */
  acknowledged = new Set();

  /** @param {import('@nestjs/common').INestApplicationContext} app @private */
  constructor(app) {
    this.app = app;
    this.queue = app.get(QueueService);
    this.dataSource = app.get(DataSource);
  }

  /**
   * Migrates an empty database and creates the side tables in it.
   * @param {string} url
   * @param {Record<string, unknown>} [typeorm]
   */
  static async start(url, typeorm = {}) {
    class ProducerModule {}
    Module({
      imports: [
        TypeOrmModule.forRoot({
          type: 'postgres',
          url,
          migrations: [...pgQueueMigrations],
          migrationsRun: true,
          retryAttempts: 0,
          extra: { max: 10 },
          ...typeorm,
        }),
        PgQueueModule.forRoot({ autoStart: false }),
      ],
    })(ProducerModule);
    const app = await NestFactory.createApplicationContext(ProducerModule, { logger: false });
    await createSideTables(url);
    return new Producer(app);
  }

  /**
   * Pushes in one transaction with the record of it.
   * @param {...ToPush} tasks
   * @returns {Promise<string[]>} ids
   */
  push(...tasks) {
    return this.pushWith({}, tasks);
  }

  /**
   * @param {import('nestjs-pgqueue').PushOptions} options
   * @param {ToPush[]} tasks
   * @returns {Promise<string[]>} ids
   */
  async pushWith(options, tasks) {
    const ids = await this.dataSource.transaction(async (manager) => {
      const results = await this.queue.pushTasks(
        tasks.map(({ kind = 'work', key = null, ...payload }) => ({
          kind: Kinds[kind],
          payload,
          externalKey: key,
        })),
        { ...options, manager },
      );
      const pushed = results.map(({ id }) => String(id));
      const kinds = tasks.map(({ kind = 'work' }) => kind);
      await manager.query(
        'INSERT INTO pushed SELECT * FROM unnest($1::bigint[], $2::int[], $3::int[], $4::text[])',
        [
          pushed,
          kinds.map((kind) => Kinds[kind].kind),
          kinds.map((kind) => MAX_ATTEMPTS[kind]),
          tasks.map((task) => task.do),
        ],
      );
      return pushed;
    });
    ids.forEach((id) => this.acknowledged.add(id));
    return ids;
  }

  /**
   * The same task, so many times.
   * @param {number} count
   * @param {ToPush} task
   */
  pushMany(count, task) {
    return this.push(...Array.from({ length: count }, () => task));
  }

  /**
   * Cancels by key, with the record of it.
   * @param {KindKey} kind
   * @param {string} key
   * @returns {Promise<boolean>}
   */
  cancel(kind, key) {
    return this.dataSource.transaction(async (manager) => {
      const cancelled = await this.queue.cancelTaskByKey(Kinds[kind], key, { manager });
      if (cancelled) {
        await manager.query(
          'INSERT INTO cancels SELECT id FROM pgqueue WHERE kind = $1 AND external_key = $2',
          [Kinds[kind].kind, key],
        );
      }
      return cancelled;
    });
  }

  /** @param {string} id @returns {Promise<any>} its row in the queue, undefined when there is none */
  async task(id) {
    const rows = await this.dataSource.query('SELECT * FROM pgqueue WHERE id = $1', [id]);
    return rows[0];
  }

  /** Whether every task has ended. */
  async isDone() {
    const [{ open }] = await this.dataSource.query(
      "SELECT count(*)::int AS open FROM pgqueue WHERE status IN ('new', 'must_retry')",
    );
    return open === 0;
  }

  /** @param {string} sql @param {unknown[]} [values] @returns {Promise<any[]>} */
  rows(sql, values) {
    return this.dataSource.query(sql, values);
  }

  async close() {
    await this.app.close();
  }
}
