import 'reflect-metadata';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import {
  defineTask,
  noJitter,
  PgQueueModule,
  pgQueueMigrations,
  QueueService,
  TaskHandler,
} from '../../lib/index.js';

// Runs one task, whose handler closes the application, and ends by itself.
const once = defineTask({ kind: 1, attemptTimeout: '1m', backoff: noJitter(0), terminalTasksTtl: '1h' });

@Injectable()
class Worker {
  @TaskHandler(once)
  async run() {
    await app.close();
    process.stdout.write('closed\n');
  }
}

@Module({
  imports: [
    TypeOrmModule.forRoot({
      type: 'postgres',
      url: process.env['DATABASE']!,
      migrations: [...pgQueueMigrations],
      migrationsRun: true,
    }),
    PgQueueModule.forRoot({ shutdownTimeout: '1m' }),
  ],
  providers: [Worker],
})
class AppModule {}

const app = await NestFactory.createApplicationContext(AppModule, { logger: false });
await app.get(QueueService).pushTask({ kind: once, payload: null });
