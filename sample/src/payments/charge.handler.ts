import { Injectable } from '@nestjs/common';
import { MustCancelTaskError, type PayloadOf, QueueService, type Task, TaskHandler } from 'nestjs-pgqueue';
import type { DataSource } from 'typeorm';
import { Databases } from '../databases.js';
import { Order } from '../orders/order.entity.js';
import { giveBackToStock } from '../orders/stock.js';
import { ChargeOrder, orderMail } from '../tasks.js';
import { CardDeclinedError, PaymentProvider } from './payment-provider.js';
import { Payment } from './payment.entity.js';

type ChargeTask = Task<PayloadOf<typeof ChargeOrder>>;

@Injectable()
export class ChargeHandler {
  constructor(
    private readonly databases: Databases,
    private readonly queue: QueueService,
    private readonly provider: PaymentProvider,
  ) {}

  /** Whatever else the provider throws, or a time-out, is tried again after the kind's backoff. */
  @TaskHandler(ChargeOrder, { workerCount: 10 })
  async charge(task: ChargeTask): Promise<void> {
    const database = this.databases.of(task.shard);
    const order = await database.manager.findOneByOrFail(Order, { id: task.payload.orderId });
    try {
      const chargeId = await this.provider.charge({
        // The same at every attempt: an attempt whose answer got lost may have charged.
        idempotencyKey: order.id,
        amountCents: order.totalCents,
        card: order.card!,
        signal: task.signal,
      });
      await this.recordPayment(database, task, order, chargeId);
    } catch (error) {
      if (error instanceof CardDeclinedError) {
        await this.decline(database, order);
        throw new MustCancelTaskError(error.message);
      }
      throw error;
    }
  }

  /** The payment, the order's status, the receipt and the end of the task: one transaction. */
  private async recordPayment(
    database: DataSource,
    task: ChargeTask,
    order: Order,
    chargeId: string,
  ): Promise<void> {
    const { id: orderId, totalCents: amountCents } = order;
    await database.transaction(async (manager) => {
      await manager.insert(Payment, { orderId, amountCents, chargeId });
      await manager.update(Order, { id: orderId }, { status: 'paid' });
      await this.queue.pushTask(orderMail(orderId, 'receipt'), { manager });
      await task.completeIn(manager);
    });
  }

  /** May run again when the process dies before the task is cancelled, hence the look at the status. */
  private async decline(database: DataSource, order: Order): Promise<void> {
    const { id } = order;
    await database.transaction(async (manager) => {
      const { affected } = await manager.update(Order, { id, status: 'charging' }, { status: 'declined' });
      if (affected === 1) {
        await this.queue.pushTask(orderMail(id, 'declined'), { manager });
        await giveBackToStock(manager, order);
      }
    });
  }
}
