/** A worker process; run by pause.spec.ts. */
import { setTimeout as pause } from 'node:timers/promises';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { PgQueueModule, QueueService, type Task, TaskHandler } from '../../../lib/index.js';
import { LETTERS, PARCELS } from './two-kinds.js';

@Injectable()
class Worker {
  @TaskHandler(PARCELS)
  async parcel({ payload }: Task<number>) {
    await pause(20);
    write(`parcel ${payload}`);
  }

  @TaskHandler(LETTERS)
  async letter({ payload }: Task<number>) {
    await pause(20);
    write(`letter ${payload}`);
  }
}

@Module({
  imports: [
    PgQueueModule.forRoot({ heartbeatPeriod: '200ms', leaseTimeout: '2s' }),
    TypeOrmModule.forRoot({ type: 'postgres', url: process.env['DATABASE_URL']!, retryAttempts: 0 }),
  ],
  providers: [Worker],
})
class AppModule {}

function write(line: string): void {
  process.stdout.write(`${line}\n`);
}

const app = await NestFactory.createApplicationContext(AppModule, { logger: false });
app.get(QueueService).subscribe((event) => {
  if (event.type === 'kind-paused' || event.type === 'kind-resumed') {
    write(`${event.type} ${event.name}`);
  }
});
write('ready');
