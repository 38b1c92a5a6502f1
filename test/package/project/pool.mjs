import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { PgQueueModule, QueueService, defineTask, noJitter } from 'nestjs-pgqueue';
import pg from 'pg';

const Greet = defineTask({ kind: 1, name: 'greet-pool' });
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL });

class AppModule {}
Module({ imports: [PgQueueModule.forRoot({ pool, schema: 'by-command' })] })(AppModule);

const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error', 'warn'] });
const queue = app.get(QueueService);
const ran = new Promise((resolve) => {
  queue.registerKind(Greet, async (task) => resolve(task.payload), {
    attemptTimeout: '5s',
    backoff: noJitter('1s'),
  });
});
await queue.pushTask({ kind: Greet, payload: { from: 'pool' } });
console.log('ran', JSON.stringify(await ran));
await app.close();
await pool.end();
