import { Injectable, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import {
  MustCancelTaskError,
  PgQueueModule,
  QueueService,
  TaskHandler,
  defineTask,
  equalJitter,
  pgQueueMigrations,
  type PushResult,
  type Task,
} from 'nestjs-pgqueue';
import type { EntityManager } from 'typeorm';

const SendEmail = defineTask<{ userId: number }>({ kind: 1, name: 'send-email', maxAttempts: 10 });

@Injectable()
export class Mailer {
  constructor(private readonly queue: QueueService) {}

  @TaskHandler(SendEmail, { workerCount: () => 3, attemptTimeout: '1s', backoff: equalJitter('6s') })
  async send(task: Task<{ userId: number }>): Promise<void> {
    const userId: number = task.payload.userId;
    const signal: AbortSignal = task.signal;
    if (signal.aborted) throw new MustCancelTaskError(`user ${userId}, attempt ${task.attempt}`);
  }

  async push(manager: EntityManager): Promise<PushResult> {
    // @ts-expect-error: the payload is what the definition says
    await this.queue.pushTask({ kind: SendEmail, payload: { userId: 'one' } });
    return this.queue.pushTask({ kind: SendEmail, payload: { userId: 1 } }, { delay: '1h', manager });
  }
}

@Module({
  imports: [
    TypeOrmModule.forRoot({ type: 'postgres', migrations: [...pgQueueMigrations] }),
    PgQueueModule.forRootAsync({ useFactory: () => ({ shutdownTimeout: '20s' }) }),
  ],
  providers: [Mailer],
})
export class AppModule {}
