import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { type PayloadOf, QueueService, type Task, TaskHandler } from 'nestjs-pgqueue';
import { DataSource } from 'typeorm';
import { ExpireOrder, orderMail } from '../tasks.js';
import { Order } from './order.entity.js';
import { giveBackToStock } from './stock.js';

@Injectable()
export class ExpireHandler {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    private readonly queue: QueueService,
  ) {}

  @TaskHandler(ExpireOrder, { workerCount: 2 })
  async expire(task: Task<PayloadOf<typeof ExpireOrder>>): Promise<void> {
    const { orderId: id } = task.payload;
    await this.dataSource.transaction(async (manager) => {
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
