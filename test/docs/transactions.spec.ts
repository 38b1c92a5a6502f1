import { TransactionHost } from '@nestjs-cls/transactional';
import { Test } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import { drizzle } from 'drizzle-orm/node-postgres';
import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { DataSource } from 'typeorm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  ChargeOrder,
  Charges,
  Orders,
  QueueWithClsModule,
  withDrizzle,
  withKysely,
  withManager,
  withPg,
  withPrisma,
  withQueryRunner,
} from '../../docs/examples/transactions.js';
import { AppModule } from '../../docs/examples/pool.js';
import { pgQueueMigrations, QueueService } from '../../lib/index.js';
import { createQueueApp, type QueueApp, storedTasks } from '../support/queue-app.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';

let database: TestDatabase;
let queueApp: QueueApp;
let pool: pg.Pool;

beforeAll(async () => {
  database = await createTestDatabase();
  queueApp = await createQueueApp({ url: database.url, options: { autoStart: false } });
  await queueApp.dataSource.query('CREATE TABLE orders (id int PRIMARY KEY, charged int NOT NULL DEFAULT 0)');
  pool = new pg.Pool({ connectionString: database.url });
});

beforeEach(async () => {
  await queueApp.dataSource.query('TRUNCATE orders, pgqueue');
});

afterAll(async () => {
  await pool.end();
  await queueApp.close();
  await database.drop();
});

async function stored(): Promise<{ orders: number[]; tasks: unknown[] }> {
  const orders = await queueApp.dataSource.query('SELECT id FROM orders ORDER BY id');
  return {
    orders: orders.map(({ id }: { id: number }) => id),
    tasks: (await storedTasks(queueApp.dataSource)).map(({ payload }) => payload),
  };
}

/** The push fails after the order was written: of the two, nothing may be left. */
function refusing(queue: QueueService): QueueService {
  return {
    pushTask: async (task: never, options: never) => {
      await queue.pushTask(task, options);
      throw new Error('after the push');
    },
  } as unknown as QueueService;
}

/** Prisma itself is too large to install for one test: its two methods over `pg`, which its own adapter uses too. */
function prismaOf(connections: pg.Pool): Parameters<typeof withPrisma>[0] {
  return {
    async $transaction(work) {
      const client = await connections.connect();
      try {
        await client.query('BEGIN');
        const result = await work({
          $executeRaw: (parts, ...values) =>
            client.query(
              parts.reduce((text, part, index) => `${text}$${index}${part}`),
              values,
            ),
          $queryRawUnsafe: async (text, ...values) => (await client.query(text, values)).rows,
        });
        await client.query('COMMIT');
        return result;
      } catch (error) {
        await client.query('ROLLBACK');
        throw error;
      } finally {
        client.release();
      }
    },
  };
}

describe.each<[string, (queue: QueueService, orderId: number) => Promise<void>]>([
  ['a TypeORM manager', (queue, id) => withManager(queueApp.dataSource, queue, id)],
  [
    'a TypeORM query runner',
    async (queue, id) => {
      const runner = queueApp.dataSource.createQueryRunner();
      await withQueryRunner(runner, queue, id).finally(() => runner.release());
    },
  ],
  ['a pg client', (queue, id) => withPg(pool, queue, id)],
  ['Kysely', (queue, id) => withKysely(new Kysely({ dialect: new PostgresDialect({ pool }) }), queue, id)],
  ['Drizzle', (queue, id) => withDrizzle(drizzle(pool), queue, id)],
  ['what has the shape of Prisma', (queue, id) => withPrisma(prismaOf(pool), queue, id)],
])('%s', (_, place) => {
  it('commits the order and its task together', async () => {
    await place(queueApp.queue, 1);
    expect(await stored()).toEqual({ orders: [1], tasks: [{ orderId: 1 }] });
  });

  it('rolls both back together', async () => {
    await expect(place(refusing(queueApp.queue), 1)).rejects.toThrow('after the push');
    expect(await stored()).toEqual({ orders: [], tasks: [] });
  });
});

/** What a handler of a library other than TypeORM may need: every statement that takes a transaction. */
describe.each<[string, (work: (executor: never) => Promise<unknown>) => Promise<unknown>]>([
  [
    'Kysely',
    (work) =>
      withKysely(
        new Kysely({ dialect: new PostgresDialect({ pool }) }),
        { pushTask: (_: never, { executor }: never) => work(executor) } as never,
        2,
      ),
  ],
  [
    'Drizzle',
    (work) =>
      withDrizzle(drizzle(pool), { pushTask: (_: never, { executor }: never) => work(executor) } as never, 2),
  ],
])('the executor of %s', (_, inTransaction) => {
  it('carries keys, duplicates, cancels and retries', async () => {
    await inTransaction(async (executor) => {
      const task = { kind: ChargeOrder, payload: { text: '$1 "\u0000 ☃' } as never };
      const { queue } = queueApp;
      const results = await queue.pushTasks(
        [task, { ...task, externalKey: "it's $2" }, { ...task, externalKey: "it's $2" }],
        { executor },
      );
      expect(results.map(({ status }) => status)).toEqual(['pushed', 'pushed', 'duplicate']);
      expect(await queue.cancelTaskByKey(ChargeOrder, "it's $2", { executor })).toBe(true);
      expect(await queue.retryTasks(ChargeOrder, { executor })).toBe(0);
    });
    expect(await storedTasks(queueApp.dataSource)).toMatchObject([
      { status: 'new', payload: { text: '$1 "\u0000 ☃' } },
      { status: 'cancelled', external_key: "it's $2" },
    ]);
  });
});

it('settles in the handler’s own transaction', async () => {
  const app = await createQueueApp({
    url: database.url,
    providers: [
      { provide: Charges, inject: [DataSource], useFactory: (dataSource) => new Charges(dataSource) },
    ],
  });
  try {
    await withManager(app.dataSource, app.queue, 3);
    await until(async () => (await storedTasks(app.dataSource, "status = 'succeeded'")).length === 1);
    expect(await app.dataSource.query('SELECT id, charged FROM orders')).toEqual([{ id: 3, charged: 1 }]);
  } finally {
    await app.close();
  }
});

describe('nestjs-cls', () => {
  it('pushes in the transaction that @Transactional opened', async () => {
    const testing = await Test.createTestingModule({
      imports: [
        TypeOrmModule.forRoot({
          type: 'postgres',
          url: database.url,
          migrations: [...pgQueueMigrations],
          retryAttempts: 0,
        }),
        QueueWithClsModule,
      ],
    })
      .setLogger(false as never)
      .compile();
    const app = await testing.init();
    const queue = app.get(QueueService, { strict: false });
    const host = app.get(TransactionHost, { strict: false });
    expect(app.get(DataSource, { strict: false })).toBeInstanceOf(DataSource);
    await new Orders(host, queue).place(4);
    await expect(new Orders(host, refusing(queue)).place(5)).rejects.toThrow('after the push');
    // Outside of any transaction the hook answers undefined.
    await queue.pushTask({ kind: ChargeOrder, payload: { orderId: 6 } });
    expect(await stored()).toEqual({ orders: [4], tasks: [{ orderId: 4 }, { orderId: 6 }] });
    await app.close();
  });
});

it('docs/examples/pool.ts works in a pool, and ends it after the queue has stopped', async () => {
  process.env['DATABASE_URL'] = database.url;
  const testing = await Test.createTestingModule({ imports: [AppModule] }).compile();
  const app = await testing.init();
  const own = app.get(pg.Pool);
  const ran: unknown[] = [];
  app.get(QueueService).registerKind(ChargeOrder, ({ payload }) => void ran.push(payload), {
    attemptTimeout: '5s',
    backoff: () => '1s',
  });
  await app.get(QueueService).pushTask({ kind: ChargeOrder, payload: { orderId: 12 } });
  await until(() => ran.length === 1);
  await app.close();
  expect(own.ended).toBe(true);
});
