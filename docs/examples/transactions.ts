import type { Knex, MikroORM } from '@mikro-orm/postgresql';
import { Module } from '@nestjs/common';
import { ClsPluginTransactional, Transactional, TransactionHost } from '@nestjs-cls/transactional';
import { TransactionalAdapterTypeOrm } from '@nestjs-cls/transactional-adapter-typeorm';
import { getDataSourceToken } from '@nestjs/typeorm';
import { sql } from 'drizzle-orm';
import type { NodePgDatabase } from 'drizzle-orm/node-postgres';
import { CompiledQuery, type Kysely } from 'kysely';
import { ClsModule } from 'nestjs-cls';
import {
  defineTask,
  noJitter,
  PgQueueModule,
  type PgQueueModuleOptions,
  type QueueService,
  type Task,
  TaskHandler,
} from 'nestjs-pgqueue';
import type pg from 'pg';
import type postgres from 'postgres';
import type { DataSource, QueryRunner } from 'typeorm';

export const ChargeOrder = defineTask<{ orderId: number }>({ kind: 10, name: 'charge-order' });

export async function withManager(dataSource: DataSource, queue: QueueService, orderId: number) {
  // #region manager
  await dataSource.transaction(async (manager) => {
    await manager.query('INSERT INTO orders (id) VALUES ($1)', [orderId]);
    await queue.pushTask({ kind: ChargeOrder, payload: { orderId } }, { manager });
  });
  // #endregion
}

export async function withQueryRunner(queryRunner: QueryRunner, queue: QueueService, orderId: number) {
  // #region query-runner
  await queryRunner.startTransaction();
  try {
    await queryRunner.query('INSERT INTO orders (id) VALUES ($1)', [orderId]);
    await queue.pushTask({ kind: ChargeOrder, payload: { orderId } }, { manager: queryRunner });
    await queryRunner.commitTransaction();
  } catch (error) {
    await queryRunner.rollbackTransaction();
    throw error;
  }
  // #endregion
}

export async function withPg(pool: pg.Pool, queue: QueueService, orderId: number) {
  // #region pg
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    await client.query('INSERT INTO orders (id) VALUES ($1)', [orderId]);
    await queue.pushTask({ kind: ChargeOrder, payload: { orderId } }, { executor: client });
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  } finally {
    client.release();
  }
  // #endregion
}

export async function withKysely(db: Kysely<any>, queue: QueueService, orderId: number) {
  // #region kysely
  await db.transaction().execute(async (trx) => {
    await trx.insertInto('orders').values({ id: orderId }).execute();
    const executor = {
      query: (text: string, parameters: unknown[] = []) =>
        trx.executeQuery(CompiledQuery.raw(text, parameters)),
    };
    await queue.pushTask({ kind: ChargeOrder, payload: { orderId } }, { executor });
  });
  // #endregion
}

export async function withDrizzle(db: NodePgDatabase, queue: QueueService, orderId: number) {
  // #region drizzle
  await db.transaction(async (tx) => {
    await tx.execute(sql`INSERT INTO orders (id) VALUES (${orderId})`);
    const executor = {
      query: (text: string, parameters: unknown[] = []) => {
        // Drizzle numbers parameters itself: each $n becomes a parameter of its own.
        const parts = text.split(/\$(\d+)/);
        return tx.execute(
          sql.join(parts.map((part, i) => (i % 2 ? sql.param(parameters[Number(part) - 1]) : sql.raw(part)))),
        );
      },
    };
    await queue.pushTask({ kind: ChargeOrder, payload: { orderId } }, { executor });
  });
  // #endregion
}

export async function withPostgresJs(db: postgres.Sql, queue: QueueService, orderId: number) {
  // #region postgres-js
  await db.begin(async (tx) => {
    await tx`INSERT INTO orders (id) VALUES (${orderId})`;
    const executor = {
      query: (text: string, parameters: any[] = []) =>
        // 705, "unknown": the server finds the type, and JSON, which is text already, is not encoded again.
        tx.unsafe(
          text,
          parameters.map((value) => (typeof value === 'string' ? tx.typed(value as never, 705) : value)),
        ),
    };
    await queue.pushTask({ kind: ChargeOrder, payload: { orderId } }, { executor });
  });
  // #endregion
}

export async function withMikroOrm(orm: MikroORM, queue: QueueService, orderId: number) {
  // #region mikro-orm
  await orm.em.transactional(async (em) => {
    await em.execute('INSERT INTO orders (id) VALUES (?)', [orderId]);
    const knex = em.getTransactionContext<Knex.Transaction>()!;
    const executor = {
      query: async (text: string, parameters: any[] = []) => {
        // Knex numbers parameters itself: each $n becomes a ? of its own.
        const values = Array.from(text.matchAll(/\$(\d+)/g), ([, n]) => parameters[Number(n) - 1]);
        return knex.raw(text.replaceAll(/\$\d+/g, '?'), values);
      },
    };
    await queue.pushTask({ kind: ChargeOrder, payload: { orderId } }, { executor });
  });
  // #endregion
}

/** What the example needs of Prisma's client in an interactive transaction. */
interface PrismaTransaction {
  $executeRaw(query: TemplateStringsArray, ...values: unknown[]): Promise<unknown>;
  $queryRawUnsafe(query: string, ...values: unknown[]): Promise<unknown>;
}

interface PrismaClient {
  $transaction<T>(work: (tx: PrismaTransaction) => Promise<T>): Promise<T>;
}

export async function withPrisma(prisma: PrismaClient, queue: QueueService, orderId: number) {
  // #region prisma
  await prisma.$transaction(async (tx) => {
    await tx.$executeRaw`INSERT INTO orders (id) VALUES (${orderId})`;
    const executor = {
      query: (text: string, parameters: unknown[] = []) => tx.$queryRawUnsafe(text, ...parameters),
    };
    await queue.pushTask({ kind: ChargeOrder, payload: { orderId } }, { executor });
  });
  // #endregion
}

// #region cls-module
@Module({
  imports: [
    ClsModule.forRoot({
      global: true,
      plugins: [
        new ClsPluginTransactional({
          adapter: new TransactionalAdapterTypeOrm({ dataSourceToken: getDataSourceToken() }),
        }),
      ],
    }),
    PgQueueModule.forRootAsync({
      inject: [TransactionHost],
      useFactory: (host: TransactionHost<TransactionalAdapterTypeOrm>): PgQueueModuleOptions => ({
        transactionManager: () => (host.isTransactionActive() ? host.tx : undefined),
      }),
    }),
  ],
})
export class QueueWithClsModule {}
// #endregion

export class Orders {
  constructor(
    private readonly host: TransactionHost<TransactionalAdapterTypeOrm>,
    private readonly queue: QueueService,
  ) {}

  // #region cls-use
  @Transactional()
  async place(orderId: number) {
    await this.host.tx.query('INSERT INTO orders (id) VALUES ($1)', [orderId]);
    await this.queue.pushTask({ kind: ChargeOrder, payload: { orderId } }); // in the same transaction
  }
  // #endregion
}

export class Charges {
  constructor(private readonly dataSource: DataSource) {}

  // #region complete-in
  @TaskHandler(ChargeOrder, { attemptTimeout: '10s', backoff: noJitter('1m') })
  async charge(task: Task<{ orderId: number }>) {
    await this.dataSource.transaction(async (manager) => {
      await manager.query('UPDATE orders SET charged = charged + 1 WHERE id = $1', [task.payload.orderId]);
      await task.completeIn(manager); // throws LeaseLostError when another attempt has taken over
    });
  }
  // #endregion
}
