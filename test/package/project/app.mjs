import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { PgQueueModule, QueueService, defineTask, noJitter, pgQueueMigrations } from 'nestjs-pgqueue';

const Greet = defineTask({ kind: 1, name: 'greet-esm' });

class AppModule {}
Module({
  imports: [
    TypeOrmModule.forRoot({
      type: 'postgres',
      url: process.env.DATABASE_URL,
      migrations: [...pgQueueMigrations],
      migrationsRun: true,
      retryAttempts: 0,
    }),
    PgQueueModule.forRoot({}),
  ],
})(AppModule);

const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error', 'warn'] });
const queue = app.get(QueueService);
const ran = new Promise((resolve) => {
  queue.registerKind(Greet, async (task) => resolve(task.payload), {
    attemptTimeout: '5s',
    backoff: noJitter('1s'),
  });
});
await queue.pushTask({ kind: Greet, payload: { from: 'esm' } });
console.log('ran', JSON.stringify(await ran));
await app.close();
