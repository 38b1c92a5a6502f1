/** An application that processes tasks until a signal ends it; run by signals.spec.ts. */
import { setTimeout as pause } from 'node:timers/promises';
import { Injectable, Module, type OnModuleDestroy } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { InjectDataSource, TypeOrmModule } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { noJitter, PgQueueModule, QueueService, type Task, TaskHandler } from '../../lib/index.js';
import { QUEUE_OPTIONS } from '../support/over.js';
import { FOLLOW_UP, WORK } from './signal-tasks.js';

const { DATABASE_URL, SHUTDOWN_TIMEOUT = '20s', DEAF } = process.env;

@Injectable()
class Worker implements OnModuleDestroy {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    private readonly queue: QueueService,
  ) {}

  @TaskHandler(WORK, { attemptTimeout: '60s', backoff: noJitter('1s') })
  async work({ payload }: Task<{ step: number; takesMs: number | null }>) {
    write(`run ${payload.step}`);
    if (payload.takesMs === null) {
      await new Promise(() => undefined);
    } else {
      await pause(payload.takesMs);
    }
    await this.dataSource.query('INSERT INTO effect VALUES ($1)', [payload.step]);
    await this.queue.pushTask({ kind: FOLLOW_UP, payload: payload.step });
    write(`done ${payload.step}`);
  }

  onModuleDestroy() {
    write('destroyed');
  }
}

@Module({
  imports: [
    PgQueueModule.forRoot({
      ...QUEUE_OPTIONS,
      shutdownTimeout: SHUTDOWN_TIMEOUT,
      heartbeatPeriod: '100ms',
      leaseTimeout: '1s',
    }),
    TypeOrmModule.forRoot({ type: 'postgres', url: DATABASE_URL!, retryAttempts: 0 }),
  ],
  providers: [Worker],
})
class AppModule {}

function write(line: string): void {
  process.stdout.write(`${line}\n`);
}

const app = await NestFactory.createApplicationContext(AppModule);
if (!DEAF) {
  app.enableShutdownHooks();
}
write('ready');
