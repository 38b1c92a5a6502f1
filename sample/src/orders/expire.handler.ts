import { Injectable } from '@nestjs/common';
import { type PayloadOf, QueueService, type Task, TaskHandler } from 'nestjs-pgqueue';
import { Databases } from '../databases.js';
import { ExpireOrder, orderMail } from '../tasks.js';
import { Order } from './order.entity.js';
import { giveBackToStock } from './stock.js';

@Injectable()
export class ExpireHandler {
  constructor(
    private readonly databases: Databases,
    private readonly queue: QueueService,
  ) {}

  @TaskHandler(ExpireOrder, { workerCount: 2 })
  async expire(task: Task<PayloadOf<typeof ExpireOrder>>): Promise<void> {
    const { orderId: id } = task.payload;
    await this.databases.of(task.shard).transaction(async (manager) => {
      // A customer who pays in this moment changes the same row: one of the two finds it changed.
      const { affected } = await manager.update(Order, { id, status: 'unpaid' }, { status: 'expired' });
      await task.completeIn(manager);
      if (affected === 1) {
        await this.queue.pushTask(orderMail(id, 'expired'), { manager });
        await giveBackToStock(manager, await manager.findOneByOrFail(Order, { id }));
      }
    });
  }
}
