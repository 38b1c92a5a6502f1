import { Module } from '@nestjs/common';
import { PgQueueModule, QueueService, defineTask, type PushResult } from 'nestjs-pgqueue';
import pg from 'pg';

const SendEmail = defineTask<{ userId: number }>({ kind: 1, name: 'send-email' });

export async function push(queue: QueueService, client: pg.PoolClient): Promise<PushResult> {
  // @ts-expect-error: a client of pg is an executor, and no manager
  await queue.cancelTaskByKey(SendEmail, 'key', { manager: client });
  return queue.pushTask({ kind: SendEmail, payload: { userId: 1 } }, { executor: client });
}

@Module({ imports: [PgQueueModule.forRoot({ pool: new pg.Pool() })] })
export class AppModule {}
