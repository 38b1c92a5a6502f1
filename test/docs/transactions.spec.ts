import { MikroORM } from '@mikro-orm/postgresql';
import { TransactionHost } from '@nestjs-cls/transactional';
import { Test } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import { drizzle } from 'drizzle-orm/node-postgres';
import { CamelCasePlugin, Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import postgres from 'postgres';
import { DataSource } from 'typeorm';
import { beforeEach, describe, expect } from 'vitest';
import {
  ChargeOrder,
  Charges,
  Orders,
  QueueWithClsModule,
  withDrizzle,
  withKysely,
  withManager,
  withMikroOrm,
  withPg,
  withPostgresJs,
  withPrisma,
  withQueryRunner,
} from '../../docs/examples/transactions.js';
import { AppModule } from '../../docs/examples/pool.js';
import { defineTask, type Executor, pgQueueMigrations, QueueService } from '../../lib/index.js';
import { databasePerFile, IDLE, until } from '../support/index.js';
import { prismaClient } from '../support/prisma-client.js';
import { cannotRunOver } from '../support/over.js';
import { storedTasks } from '../support/queue-app.js';
import type { TestDatabase } from '../support/test-database.js';

const fixed = cannotRunOver({ schema: 'examples with a module of their own work in the schema public' });

const { it, database, queueApp, libraries, openApp } = databasePerFile({
  queueApp: IDLE,
  libraries: openLibraries,
});

it.beforeAll(() =>
  queueApp.dataSource.query('CREATE TABLE orders (id int PRIMARY KEY, charged int NOT NULL DEFAULT 0)'),
);

beforeEach(() => queueApp.dataSource.query('TRUNCATE orders, pgqueue'));

describe.each<[string, Place]>([
  ['a TypeORM manager', (queue, id) => withManager(queueApp.dataSource, queue, id)],
  [
    'a TypeORM query runner',
    async (queue, id) => {
      const runner = queueApp.dataSource.createQueryRunner();
      await withQueryRunner(runner, queue, id).finally(() => runner.release());
    },
  ],
  ...withExecutors(),
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

/** Every statement that takes a transaction, with all that may be hard on another library's parameters. */
describe.each(withExecutors())('the executor of %s', (_, place) => {
  const task = { kind: ChargeOrder, payload: { text: '$1 "\u0000 \\? :a ☃' } as never };

  it('carries keys, duplicates, cancels and retries', async () => {
    await inTransactionOf(place, async (executor) => {
      const { queue } = queueApp;
      const results = await queue.pushTasks(
        [task, { ...task, externalKey: "it's $2?" }, { ...task, externalKey: "it's $2?" }],
        { executor },
      );
      expect(results.map(({ status }) => status)).toEqual(['pushed', 'pushed', 'duplicate']);
      expect(await queue.cancelTaskByKey(ChargeOrder, "it's $2?", { executor })).toBe(true);
      expect(await queue.retryTasks(ChargeOrder, { executor })).toBe(0);
    });
    expect(await queueApp.stored()).toMatchObject([
      { status: 'new', payload: task.payload },
      { status: 'cancelled', external_key: "it's $2?" },
    ]);
  });

  it('carries batches of one kind or of several, with delays beyond 32 bits', async () => {
    const ofAnother = { ...task, kind: defineTask({ kind: 11, name: 'ship-order' }) };
    await inTransactionOf(place, async (executor) => {
      await queueApp.queue.pushTasks([task, task], { executor, delay: '60d' });
      await queueApp.queue.pushTasks([task, ofAnother], { executor, delay: '60d' });
    });
    expect(await queueApp.stored("run_at > now() + interval '59 days'")).toMatchObject(
      [10, 10, 10, 11].map((kind) => ({ kind, payload: task.payload })),
    );
  });

  it('takes a batch and a cancel back with the transaction', async () => {
    await queueApp.queue.pushTask({ ...task, externalKey: 'waits' });
    const work = inTransactionOf(place, async (executor) => {
      await queueApp.queue.pushTasks([task, task], { executor });
      expect(await queueApp.queue.cancelTaskByKey(ChargeOrder, 'waits', { executor })).toBe(true);
      throw new Error('after the cancel');
    });
    await expect(work).rejects.toThrow('after the cancel');
    expect(await stored()).toMatchObject({ orders: [], tasks: [task.payload] });
    expect(await queueApp.stored()).toMatchObject([{ status: 'new', external_key: 'waits' }]);
  });

  it('settles the task that runs', async () => {
    const app = await openApp();
    try {
      app.queue.registerKind(
        ChargeOrder,
        async (running) => {
          await inTransactionOf(place, (executor) => running.completeIn(executor));
          throw new Error('too late to fail');
        },
        { attemptTimeout: '10s', backoff: () => '1m' },
      );
      await app.queue.pushTask(task);
      await until(async () => (await storedTasks(app.dataSource, "status = 'succeeded'")).length === 1);
      expect((await stored()).orders).toEqual([2]);
    } finally {
      await app.close();
    }
  });
});

/** Such settings rename what a statement answers, raw ones included. */
describe.each<[string, Place]>([
  [
    'Kysely',
    (queue, id) =>
      withKysely(
        new Kysely({
          dialect: new PostgresDialect({ pool: libraries.clients.pool }),
          plugins: [new CamelCasePlugin()],
        }),
        queue,
        id,
      ),
  ],
  [
    'postgres.js',
    async (queue, id) => {
      const camel = postgres(database.url, { max: 1, transform: postgres.camel });
      await withPostgresJs(camel, queue, id).finally(() => camel.end());
    },
  ],
])('%s with names in camel case', (_, place) => {
  it('finds the tasks that have keys', async () => {
    const task = { kind: ChargeOrder, payload: { orderId: 7 }, externalKey: 'order-7' };
    let ids: unknown[] = [];
    await inTransactionOf(place, async (executor) => {
      const results = [
        ...(await queueApp.queue.pushTasks([task, task], { executor })),
        await queueApp.queue.pushTask(task, { executor, onConflict: 'replace' }),
      ];
      expect(results.map(({ status }) => status)).toEqual(['pushed', 'duplicate', 'pushed']);
      ids = results.map(({ id }) => id);
    });
    const [only] = await queueApp.stored();
    expect(ids).toEqual([only?.id, only?.id, only?.id]);
  });
});

it('settles in the handler’s own transaction', async () => {
  const app = await openApp({
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
  it.skipIf(fixed)('pushes in the transaction that @Transactional opened', async () => {
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

it.skipIf(fixed)(
  'docs/examples/pool.ts works in a pool, and ends it after the queue has stopped',
  async () => {
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
  },
);

async function stored(): Promise<{ orders: number[]; tasks: unknown[] }> {
  const orders = await queueApp.dataSource.query('SELECT id FROM orders ORDER BY id');
  return {
    orders: orders.map(({ id }: { id: number }) => id),
    tasks: (await queueApp.stored()).map(({ payload }) => payload),
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

/** A recipe of the document. */
type Place = (queue: QueueService, orderId: number) => Promise<void>;

/** The library's transaction alone: what the example would push is replaced by other work in it. */
function inTransactionOf(place: Place, work: (executor: Executor) => Promise<unknown>): Promise<void> {
  return place(
    {
      pushTask: (_: unknown, { executor }: { executor: Executor }) => work(executor),
    } as unknown as QueueService,
    2,
  );
}

function withExecutors(): [string, Place][] {
  return [
    ['pg', (queue, id) => withPg(libraries.clients.pool, queue, id)],
    [
      'Kysely',
      (queue, id) =>
        withKysely(new Kysely({ dialect: new PostgresDialect({ pool: libraries.clients.pool }) }), queue, id),
    ],
    ['Drizzle', (queue, id) => withDrizzle(drizzle(libraries.clients.pool), queue, id)],
    ['postgres.js', (queue, id) => withPostgresJs(libraries.clients.postgresJs, queue, id)],
    ['MikroORM', (queue, id) => withMikroOrm(libraries.clients.mikroOrm, queue, id)],
    ['Prisma', (queue, id) => withPrisma(libraries.clients.prisma, queue, id)],
  ];
}

/** A client of each library. */
async function openLibraries({ url }: TestDatabase) {
  const pool = new pg.Pool({ connectionString: url });
  const postgresJs = postgres(url, { max: 2 });
  const mikroOrm = await MikroORM.init({
    clientUrl: url,
    entities: [],
    discovery: { warnWhenNoEntities: false },
  });
  const prisma = prismaClient(url);
  const close = async () => {
    await prisma.$disconnect();
    await mikroOrm.close();
    await postgresJs.end();
    await pool.end();
  };
  return { clients: { pool, postgresJs, mikroOrm, prisma }, close };
}
