import { pgQueueMigrations } from 'nestjs-pgqueue';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { config } from './config.js';
import { SentMail } from './mail/sent-mail.entity.js';
import { CreateShop1795478500000 } from './migrations/1795478500000-create-shop.js';
import { Order } from './orders/order.entity.js';
import { Product } from './orders/product.entity.js';
import { Payment } from './payments/payment.entity.js';

export const databaseOptions: DataSourceOptions = {
  type: 'postgres',
  url: config.databaseUrl,
  entities: [Order, Product, Payment, SentMail],
  // The queue's tables come with the shop's.
  migrations: [...pgQueueMigrations, CreateShop1795478500000],
};

/** Before any process of the shop starts, since several would migrate at once otherwise. */
export async function migrate(): Promise<void> {
  const dataSource = await new DataSource(databaseOptions).initialize();
  try {
    await dataSource.runMigrations();
  } finally {
    await dataSource.destroy();
  }
}
