import { randomUUID } from 'node:crypto';
import { ConflictException, Injectable, Logger, NotFoundException } from '@nestjs/common';
import { type PushResult, QueueService } from 'nestjs-pgqueue';
import { type DataSource, Not } from 'typeorm';
import { config } from '../config.js';
import { Databases } from '../databases.js';
import { orderIdOf } from '../shards.js';
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
  /** A customer who got no answer sends it again, and gets the order that it made. */
  requestId?: string | undefined;
}

const LATEST = 50;

@Injectable()
export class OrdersService {
  private readonly logger = new Logger(OrdersService.name);

  constructor(
    private readonly databases: Databases,
    private readonly queue: QueueService,
  ) {}

  /**
   * The order, its tasks and its share of the stock: one transaction, so all of them or none, in the customer's database.
   * @throws ConflictException when the stock does not suffice; the tasks that were pushed before that are gone with the order
   */
  place({ sku, quantity, email, card, requestId = randomUUID() }: PlaceOrder): Promise<Order> {
    const id = orderIdOf(email, requestId);
    return this.databases.ofOrder(id).transaction(async (manager) => {
      const placed = await manager.findOneBy(Order, { id });
      if (placed) {
        return placed;
      }
      const product = await manager.findOneBy(Product, { sku });
      if (!product) {
        throw new NotFoundException(`there is no product ${sku}`);
      }
      const order = manager.create(Order, {
        id,
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

  /**
   * A customer pays what was ordered without a card: the order no longer expires, and is charged. Sent again with the same card, it
   * does nothing.
   * @throws ConflictException when the order has expired, or is being paid by another card
   */
  pay(id: string, card: string): Promise<void> {
    return this.databases.ofOrder(id).transaction(async (manager) => {
      const { affected } = await manager.update(
        Order,
        { id, status: 'unpaid' },
        { status: 'charging', card },
      );
      if (affected === 0) {
        if (await manager.existsBy(Order, { id, card, status: Not('expired') })) {
          return;
        }
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
    const { status } = await this.queue.pushTask(orderMail(id, 'receipt'), { shardKey: id });
    return status;
  }

  /** Of all customers whose database answers. */
  async latest(): Promise<Order[]> {
    const found = await Promise.all(
      [...this.databases.all].map(([name, database]) => this.latestOf(name, database)),
    );
    return found
      .flat()
      .toSorted((a, b) => b.createdAt.getTime() - a.createdAt.getTime())
      .slice(0, LATEST);
  }

  private latestOf(name: string, { manager }: DataSource): Promise<Order[]> {
    return manager.find(Order, { order: { createdAt: 'DESC' }, take: LATEST }).catch((error: unknown) => {
      this.logger.warn(`without the orders of ${name}: ${String(error)}`);
      return [];
    });
  }

  async find(id: string): Promise<Order> {
    const order = await this.databases.ofOrder(id).manager.findOneBy(Order, { id });
    if (!order) {
      throw new NotFoundException(`there is no order ${id}`);
    }
    return order;
  }
}

const charge = (orderId: string) => ({ kind: ChargeOrder, payload: { orderId }, externalKey: orderId });
const expiry = (orderId: string) => ({ kind: ExpireOrder, payload: { orderId }, externalKey: orderId });
