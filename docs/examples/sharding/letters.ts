import { Injectable } from '@nestjs/common';
import {
  defineTask,
  noJitter,
  type PushResult,
  QueueService,
  PartialFailureError,
  type Task,
  TaskHandler,
} from 'nestjs-pgqueue';
import { Databases } from './databases.js';
import { Letter } from './letter.entity.js';

export const SendLetter = defineTask<{ letterId: string }>({ kind: 20, name: 'send-letter' });
export const Greet = defineTask<{ customerId: string }>({ kind: 21, name: 'greet' });

@Injectable()
export class Letters {
  constructor(
    private readonly databases: Databases,
    private readonly queue: QueueService,
  ) {}

  // #region manager
  /** To the shard of the transaction, and so to where the letter is. */
  write(customerId: string): Promise<Letter> {
    return this.databases.ofCustomer(customerId).transaction(async (manager) => {
      const letter = await manager.save(manager.create(Letter, { customerId }));
      await this.queue.pushTask({ kind: SendLetter, payload: { letterId: letter.id } }, { manager });
      return letter;
    });
  }
  // #endregion

  // #region key
  /** Without a transaction: to the shard of the key. */
  greet(customerId: string): Promise<PushResult> {
    return this.queue.pushTask({ kind: Greet, payload: { customerId } }, { shardKey: customerId });
  }
  // #endregion

  // #region many
  /** To each his own. @returns the customers whose shard could not be reached */
  async greetAll(customerIds: readonly string[]): Promise<string[]> {
    const tasks = customerIds.map((customerId) => ({
      kind: Greet,
      payload: { customerId },
      shardKey: customerId,
      externalKey: `greet-${customerId}`, // greeted once, however often this is called again
    }));
    try {
      await this.queue.pushTasks(tasks);
      return [];
    } catch (error) {
      if (error instanceof PartialFailureError) {
        const results = error.result as PushResult[]; // one for each task: the others are stored
        return customerIds.filter((_, index) => results[index]!.status === 'failed');
      }
      throw error; // refused, or no shard could be reached
    }
  }
  // #endregion
}

// #region handler
@Injectable()
export class Postman {
  constructor(private readonly databases: Databases) {}

  @TaskHandler(SendLetter, { workerCount: 5, attemptTimeout: '10s', backoff: noJitter('1s') })
  async send(task: Task<{ letterId: string }>): Promise<void> {
    // Not by the customer, who may have moved since: where the task is, there is the letter.
    await this.databases.of(task.shard).transaction(async (manager) => {
      await manager.increment(Letter, { id: task.payload.letterId }, 'timesSent', 1);
      await task.completeIn(manager);
    });
  }
}
// #endregion
