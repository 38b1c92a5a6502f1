import { Injectable } from '@nestjs/common';
import { readFileSync } from 'node:fs';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  defineTask,
  noJitter,
  PgQueueModule,
  QueueAdmin,
  QueueService,
  type Task,
  TaskHandler,
} from '../../lib/index.js';
import { until } from '../support/index.js';
import { bootError, startApp } from '../support/nest-app.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

let database: TestDatabase;
let pool: pg.Pool;
const ran: number[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  pool = new pg.Pool({ connectionString: database.url });
  await pool.query(readFileSync('migrations/1795478400000-create-pgqueue.up.sql', 'utf8'));
  await pool.query('CREATE TABLE done (n int)');
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

const start = () => startApp({ imports: [PgQueueModule.forRoot({ pool })], providers: [Worker] });

it('works in a pool of pg alone: pushes in its transactions, handlers, and QueueAdmin', async () => {
  const app = await start();
  const queue = app.get(QueueService);
  await queue.pushTask({ kind: Work, payload: 1 });
  const client = await pool.connect();
  await client.query('BEGIN');
  await queue.pushTask({ kind: Work, payload: 2 }, { executor: client });
  await client.query('ROLLBACK');
  await client.query('BEGIN');
  await queue.pushTasks([{ kind: Work, payload: 3 }], { executor: client });
  await client.query('COMMIT');
  client.release();
  // More than one statement, and so a transaction of the queue's own.
  await queue.pushTasks([
    { kind: Work, payload: 4 },
    { kind: Work, payload: 5, externalKey: 'five' },
  ]);
  await until(() => ran.length === 4);
  expect(ran.toSorted()).toEqual([1, 3, 4, 5]);
  await until(async () => (await app.get(QueueAdmin).counts())[0]?.statuses.succeeded.count === 4);
  const { rows } = await pool.query('SELECT n FROM done ORDER BY n');
  expect(rows.map(({ n }) => n)).toEqual([1, 3, 4, 5]);
  await app.close();
});

it('goes on when all its connections were ended, and leaves the pool to its owner', async () => {
  const app = await start();
  const queue = app.get(QueueService);
  ran.length = 0;
  await queue.pushTask({ kind: Work, payload: 6 });
  await until(() => ran.length === 1);
  await pool.query(
    'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
  );
  await until(() =>
    queue.pushTask({ kind: Work, payload: 7 }).then(
      () => true,
      () => false,
    ),
  );
  await until(() => ran.includes(7));
  await app.close();
  expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
});

it('works in a pool whose connections ask for values in binary', async () => {
  const binary = new pg.Pool({ connectionString: database.url, binary: true } as pg.PoolConfig);
  const app = await startApp({ imports: [PgQueueModule.forRoot({ pool: binary })], providers: [Worker] });
  ran.length = 0;
  const queue = app.get(QueueService);
  await queue.pushTask({ kind: Work, payload: 8 });
  await queue.pushTasks([9, 10].map((payload) => ({ kind: Work, payload })));
  await until(() => ran.length === 3);
  expect(ran.toSorted((a, b) => a - b)).toEqual([8, 9, 10]);
  expect(await app.get(QueueAdmin).workers()).toMatchObject([{ lost: false }]);
  await app.close();
  await binary.end();
});

it('listens once to a pool that several applications share', async () => {
  const shared = new pg.Pool({ connectionString: database.url });
  for (let count = 1; count <= 3; count++) {
    const app = await startApp({ imports: [PgQueueModule.forRoot({ pool: shared })] });
    await app.close();
  }
  expect(shared.listenerCount('error')).toBe(1);
  await shared.end();
});

it.each([
  [{ pool: {} as pg.Pool }, 'pool: must be a Pool of pg'],
  [{ pool: new pg.Client() as unknown as pg.Pool }, 'pool: must be a Pool of pg'],
])('refuses what is no pool: %#', async (options, message) => {
  expect(await bootError({ imports: [PgQueueModule.forRoot(options)] })).toMatchObject({
    message: expect.stringContaining(message),
  });
});

it('refuses a DataSource beside it', async () => {
  const error = await bootError({ imports: [PgQueueModule.forRoot({ pool, dataSource: 'default' })] });
  expect(error).toMatchObject({
    message: expect.stringContaining('dataSource: must not be given with pool'),
  });
});

const Work = defineTask<number>({ kind: 1, name: 'work', attemptTimeout: '5s', backoff: noJitter('1s') });

@Injectable()
class Worker {
  @TaskHandler(Work)
  async work(task: Task<number>) {
    const client = await pool.connect();
    try {
      await client.query('BEGIN');
      await task.completeIn(client);
      await client.query('INSERT INTO done VALUES ($1)', [task.payload]);
      await client.query('COMMIT');
      ran.push(task.payload);
    } finally {
      client.release();
    }
  }
}
