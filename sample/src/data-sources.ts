import { pgQueueMigrations } from 'nestjs-pgqueue';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { config } from './config.js';
import { shards } from './databases.js';
import { SentMail } from './mail/sent-mail.entity.js';
import { CreateShop1795478500000 } from './migrations/1795478500000-create-shop.js';
import { Order } from './orders/order.entity.js';
import { Product } from './orders/product.entity.js';
import { Payment } from './payments/payment.entity.js';

/** Of each database, in the order of their names. */
export const dataSources = config.databaseUrls.map(
  (url, index) =>
    ({
      type: 'postgres',
      name: shards.names[index]!,
      url,
      entities: [Order, Product, Payment, SentMail],
      // The queue's tables come with the shop's.
      migrations: [...pgQueueMigrations, CreateShop1795478500000],
    }) satisfies DataSourceOptions & { name: string },
);

/** Before any process of the shop starts, since several would migrate at once otherwise. */
export async function migrate(): Promise<void> {
  await Promise.all(
    dataSources.map(async (options) => {
      const dataSource = await new DataSource(options).initialize();
      try {
        await dataSource.runMigrations();
      } finally {
        await dataSource.destroy();
      }
    }),
  );
}
