/** Pushes tasks as an application does, and keeps what was acknowledged to it. */
import { equal } from 'node:assert/strict';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { PgQueueModule, pgQueueMigrations, QueueAdmin, QueueService } from 'nestjs-pgqueue';
import { Kinds, MAX_ATTEMPTS } from './kinds.mjs';
import { createSideTables } from './side-tables.mjs';

/** @typedef {import('./kinds.mjs').KindKey} KindKey */
/** @typedef {import('./kinds.mjs').Payload} Payload */
/** @typedef {import('./kinds.mjs').Payload & { kind?: KindKey, key?: string }} ToPush */

/**
 * What is written down of each: kinds, attempts, what they do.
 * @param {ToPush[]} tasks
 */
function recordsOf(tasks) {
  const kinds = tasks.map(({ kind = 'work' }) => kind);
  return [
    kinds.map((kind) => Kinds[kind].kind),
    kinds.map((kind) => MAX_ATTEMPTS[kind]),
    tasks.map((task) => task.do),
  ];
}

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
      await manager.query(
        'INSERT INTO pushed SELECT * FROM unnest($1::bigint[], $2::int[], $3::int[], $4::text[])',
        [pushed, ...recordsOf(tasks)],
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
   * Pushes each by a call of its own, without a transaction, at the same moment: the queue gathers them.
   * @param {(ToPush & { life: string })[]} tasks of kinds that keep what has ended
   * @returns {Promise<number>} how many were not acknowledged
   */
  async pushSingly(tasks) {
    await this.dataSource.query(
      'INSERT INTO singles SELECT * FROM unnest($1::text[], $2::int[], $3::int[], $4::text[])',
      [tasks.map(({ life }) => life), ...recordsOf(tasks)],
    );
    const pushes = await Promise.allSettled(
      tasks.map(({ kind = 'work', ...payload }) => this.queue.pushTask({ kind: Kinds[kind], payload })),
    );
    for (const push of pushes) {
      if (push.status === 'fulfilled') this.acknowledged.add(String(push.value.id));
    }
    return pushes.filter(({ status }) => status === 'rejected').length;
  }

  /**
   * Pushes in place of what is stored under the key, with the record of it.
   * @param {ToPush & { key: string }} task
   * @returns {Promise<boolean>} false when that was running
   */
  async replace(task) {
    const { kind = 'work', key, ...payload } = task;
    const id = await this.dataSource.transaction(async (manager) => {
      const push = { kind: Kinds[kind], payload, externalKey: key };
      const result = await this.queue.pushTask(push, { manager, onConflict: 'replace' });
      if (result.status !== 'pushed') return null;
      await manager.query(
        `INSERT INTO pushed SELECT * FROM unnest($1::bigint[], $2::int[], $3::int[], $4::text[])
         ON CONFLICT (task_id) DO UPDATE SET does = excluded.does`,
        [[result.id], ...recordsOf([task])],
      );
      return String(result.id);
    });
    if (id !== null) this.acknowledged.add(id);
    return id !== null;
  }

  /**
   * Cancels by key, with the record of it.
   * @param {KindKey} kind
   * @param {string} key
   * @param {() => Promise<void>} [beforeCommit] when it rejects, the task stays as it was
   * @returns {Promise<boolean>}
   */
  cancel(kind, key, beforeCommit) {
    return this.dataSource.transaction(async (manager) => {
      const cancelled = await this.queue.cancelTaskByKey(Kinds[kind], key, { manager });
      if (cancelled) {
        await manager.query(
          "INSERT INTO cancels SELECT id, payload ->> 'life' FROM pgqueue WHERE kind = $1 AND external_key = $2",
          [Kinds[kind].kind, key],
        );
      }
      await beforeCommit?.();
      return cancelled;
    });
  }

  /**
   * Gives broken tasks new attempts, with the record of it.
   * @param {KindKey} kind
   * @param {number} limit
   * @returns {Promise<number>}
   */
  retry(kind, limit) {
    return this.dataSource.transaction(async (manager) => {
      const attempts = MAX_ATTEMPTS[kind];
      const count = await this.queue.retryTasks(Kinds[kind], { attempts, limit, manager });
      const recorded = await manager.query(
        `INSERT INTO retries SELECT id FROM pgqueue
         WHERE kind = $1 AND status = 'must_retry' AND attempts_elapsed = 0 AND attempts_left = $2 AND xmin = pg_current_xact_id()::xid
         RETURNING task_id`,
        [Kinds[kind].kind, attempts],
      );
      equal(recorded.length, count, 'the tasks that were retried are those that are found');
      return count;
    });
  }

  /** Makes waiting tasks due. @param {string[]} ids */
  async runNow(ids) {
    await this.app.get(QueueAdmin).runNow({ id: ids });
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
