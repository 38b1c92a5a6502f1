import { randomUUID } from 'node:crypto';
import { ConflictException, Injectable, NotFoundException } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { type PushResult, QueueService } from 'nestjs-pgqueue';
import { DataSource } from 'typeorm';
import { config } from '../config.js';
import { ChargeOrder, ExpireOrder, orderMail } from '../tasks.js';
import { Order } from './order.entity.js';
import { Product } from './product.entity.js';
import { takeFromStock } from './stock.js';

export interface PlaceOrder {
  sku: string;
  quantity: number;
  email: string;
  /** Without one, the customer pays later. */
  card?: string | undefined;
}

@Injectable()
export class OrdersService {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    private readonly queue: QueueService,
  ) {}

  /**
   * The order, its tasks and its share of the stock: one transaction, so all of them or none.
   * @throws ConflictException when the stock does not suffice; the tasks that were pushed before that are gone with the order
   */
  place({ sku, quantity, email, card }: PlaceOrder): Promise<Order> {
    return this.dataSource.transaction(async (manager) => {
      const product = await manager.findOneBy(Product, { sku });
      if (!product) {
        throw new NotFoundException(`there is no product ${sku}`);
      }
      const order = manager.create(Order, {
        id: randomUUID(),
        sku,
        quantity,
        email,
        totalCents: product.priceCents * quantity,
        card: card ?? null,
        status: card ? 'charging' : 'unpaid',
      });
      await manager.insert(Order, order);
      const due = [orderMail(order.id, 'received'), ...(card ? [charge(order.id)] : [])];
      await this.queue.pushTasks(due, { manager });
      if (!card) {
        await this.queue.pushTask(expiry(order.id), { manager, delay: config.orderTtl });
      }
      await takeFromStock(manager, order);
      return order;
    });
  }

  /** A customer pays what was ordered without a card: the order no longer expires, and is charged. */
  pay(id: string, card: string): Promise<void> {
    return this.dataSource.transaction(async (manager) => {
      const { affected } = await manager.update(
        Order,
        { id, status: 'unpaid' },
        { status: 'charging', card },
      );
      if (affected === 0) {
        throw new ConflictException(`order ${id} does not wait for a payment`);
      }
      await this.queue.cancelTaskByKey(ExpireOrder, id, { manager });
      await this.queue.pushTask(charge(id), { manager });
    });
  }

  /** Asking again, by a second click or a repeated request, sends nothing twice: the mail's key is taken. */
  async sendReceipt(id: string): Promise<PushResult['status']> {
    const order = await this.find(id);
    if (order.status !== 'paid') {
      throw new ConflictException(`order ${id} is not paid`);
    }
    const { status } = await this.queue.pushTask(orderMail(id, 'receipt'));
    return status;
  }

  latest(): Promise<Order[]> {
    return this.dataSource.manager.find(Order, { order: { createdAt: 'DESC' }, take: 50 });
  }

  async find(id: string): Promise<Order> {
    const order = await this.dataSource.manager.findOneBy(Order, { id });
    if (!order) {
      throw new NotFoundException(`there is no order ${id}`);
    }
    return order;
  }
}

const charge = (orderId: string) => ({ kind: ChargeOrder, payload: { orderId }, externalKey: orderId });
const expiry = (orderId: string) => ({ kind: ExpireOrder, payload: { orderId }, externalKey: orderId });
