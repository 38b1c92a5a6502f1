import { ConflictException } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Order } from './order.entity.js';
import { Product } from './product.entity.js';

/**
 * Stock is taken and given back last in a transaction: every customer of a product waits for its row.
 * @throws ConflictException when there is not enough
 */
export async function takeFromStock(manager: EntityManager, { id, sku, quantity }: Order): Promise<void> {
  const { affected } = await manager
    .createQueryBuilder()
    .update(Product)
    .set({ stock: () => 'stock - :quantity' })
    .where('sku = :sku AND stock >= :quantity', { sku, quantity })
    .execute();
  if (affected === 0) {
    // The id, so that somebody who is curious can look for traces of the order; there are none.
    const message = `${sku}: out of stock`;
    throw new ConflictException({ statusCode: 409, error: 'Conflict', message, orderId: id });
  }
}

export async function giveBackToStock(manager: EntityManager, { sku, quantity }: Order): Promise<void> {
  await manager.increment(Product, { sku }, 'stock', quantity);
}
