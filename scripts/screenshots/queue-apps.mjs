import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import pg from 'pg';
import { PgQueueDashboardModule } from '../../dist/lib/dashboard/index.js';
import { PgQueueModule, pgQueueMigrations, QueueService } from '../../dist/lib/index.js';
import { fillQueue } from './filled-queue.mjs';
import { numberOf } from './kinds.mjs';

/**
 * @typedef {object} ShownQueue
 * @property {string} address of its dashboard
 * @property {string} id of a task that has used up its attempts
 * @property {() => Promise<void>} close
 */

/**
 * A queue in one database, filled, with its dashboard.
 * @param {string} url of the database
 * @returns {Promise<ShownQueue>}
 */
export async function openQueue(url) {
  const app = await listen([tablesIn(url), PgQueueModule.forRoot({ autoStart: false })]);
  const id = await withClient(url, fillQueue);
  return { ...app, id };
}

/**
 * The same in three shards, new databases of a server: one is drained, and one can't be reached.
 * @param {string} url of the server
 * @returns {Promise<ShownQueue>}
 */
export async function openShards(url) {
  const names = ['eu-1', 'eu-2', 'us-1'];
  const urlOf = (/** @type {string} */ name) => Object.assign(new URL(url), { pathname: `/${name}` }).href;
  await withClient(url, async (server) => {
    for (const name of names) await server.query(`CREATE DATABASE "${name}"`);
  });
  const app = await listen([
    ...names.map((name) => tablesIn(urlOf(name), name)),
    PgQueueModule.forRootAsync({
      useFactory: () => ({ autoStart: false, shards: { names, shardOf: () => 'eu-1', draining: ['eu-2'] } }),
    }),
  ]);
  const id = await withClient(urlOf('eu-1'), fillQueue);
  await withClient(urlOf('eu-2'), fillQueue);
  await withClient(url, async (server) => {
    await server.query('ALTER DATABASE "us-1" WITH ALLOW_CONNECTIONS false');
    await server.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'us-1'`);
  });
  return { ...app, id };
}

/**
 * @param {string} url
 * @param {string} [name]
 */
function tablesIn(url, name) {
  const migrations = { migrations: [...pgQueueMigrations], migrationsRun: true };
  return TypeOrmModule.forRoot({ type: 'postgres', ...(name && { name }), url, ...migrations });
}

/** @param {import('@nestjs/common').ModuleMetadata['imports']} imports */
async function listen(imports = []) {
  class AppModule {}
  Module({ imports: [...imports, PgQueueDashboardModule.forRoot({ authorize: () => true })] })(AppModule);
  const app = await NestFactory.create(AppModule, { logger: ['error'] });
  // No process of the pictures handles this kind, and so none could tell its name.
  app.get(QueueService).registerKind(numberOf('export-report'), async () => {}, {
    name: 'export-report',
    attemptTimeout: '1m',
    backoff: () => 0,
  });
  await app.listen(0, '127.0.0.1');
  return { address: `${await app.getUrl()}/pgqueue/`, close: () => app.close() };
}

/**
 * @template T
 * @param {string} url
 * @param {(client: pg.Client) => Promise<T>} work
 */
async function withClient(url, work) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
