import { Injectable } from '@nestjs/common';
import { type PayloadOf, type Task, TaskHandler } from 'nestjs-pgqueue';
import { config } from '../config.js';
import { Databases } from '../databases.js';
import { Order } from '../orders/order.entity.js';
import { SendMail } from '../tasks.js';
import { SentMail } from './sent-mail.entity.js';

@Injectable()
export class MailHandler {
  constructor(private readonly databases: Databases) {}

  /**
   * The mail server of this shop is a table, so that a mail leaves in the transaction that settles its task: exactly once.
   * A real one is not in the transaction. Give it the task's key, and it drops the second mail of an attempt that
   * was repeated.
   */
  @TaskHandler(SendMail, { workerCount: 5 })
  async send(task: Task<PayloadOf<typeof SendMail>>): Promise<void> {
    const { orderId, template } = task.payload;
    await this.databases.of(task.shard).transaction(async (manager) => {
      const { email } = await manager.findOneByOrFail(Order, { id: orderId });
      await manager.insert(SentMail, { orderId, template, recipient: email });
      if (Math.random() < config.failureRate / 4) {
        throw new Error('421 the mail server is busy, try again later');
      }
      await task.completeIn(manager);
    });
  }
}
