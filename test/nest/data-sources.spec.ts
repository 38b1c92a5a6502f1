import { Injectable } from '@nestjs/common';
import { getDataSourceToken, InjectDataSource } from '@nestjs/typeorm';
import pg from 'pg';
import { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createPgQueueMigrations,
  defineTask,
  noJitter,
  PgQueueModule,
  QueueService,
  type Task,
  TaskHandler,
} from '../../lib/index.js';
import { until } from '../support/index.js';
import { bootError, startApp, typeOrm } from '../support/nest-app.js';
import { storedTasks } from '../support/queue-app.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

describe('dataSource and schema', () => {
  let first: TestDatabase;
  let second: TestDatabase;

  beforeAll(async () => {
    [first, second] = await Promise.all([createTestDatabase(), createTestDatabase()]);
  });

  afterAll(() => Promise.all([first.drop(), second.drop()]));

  it.each([
    ['forRoot', () => PgQueueModule.forRoot({ dataSource: 'second' })],
    ['forRootAsync', () => PgQueueModule.forRootAsync({ useFactory: () => ({ dataSource: 'second' }) })],
  ])('H48: works in the named DataSource of two: %s', async (_, queueModule) => {
    const app = await startApp({
      imports: [
        queueModule(),
        typeOrm(first.url, { migrations: [], migrationsRun: false }),
        typeOrm(second.url, { name: 'second' }),
      ],
      providers: [Worker],
    });
    const queue = app.get(QueueService);
    const own = app.get<DataSource>(getDataSourceToken('second'));
    const foreign = app.get(DataSource);

    await queue.pushTask({ kind: WORK, payload: 1 });
    await own.transaction((manager) => queue.pushTask({ kind: WORK, payload: 2 }, { manager }));
    await until(() => app.get(Worker).ran.length === 2);
    await until(async () => (await storedTasks(own, "status = 'succeeded'")).length >= 2);

    const refused = foreign.transaction((manager) => queue.pushTask({ kind: WORK, payload: 3 }, { manager }));
    await expect(refused).rejects.toMatchObject({ code: 'PGQUEUE_INVALID_MANAGER' });
    await expect(foreign.query('SELECT FROM pgqueue')).rejects.toThrow('does not exist');
    await app.close();
  });

  it.each([true, false])('refuses a DataSource that there is not, with autoStart %s', async (autoStart) => {
    const error = await bootError({
      imports: [typeOrm(first.url), PgQueueModule.forRoot({ dataSource: 'third', autoStart })],
    });
    expect(error).toMatchObject({ code: 'PGQUEUE_INVALID_OPTION', field: 'dataSource', value: 'third' });
  });

  it('refuses a DataSource of another database', async () => {
    const mysql = { provide: getDataSourceToken('other'), useValue: { options: { type: 'mysql' } } };
    const error = await bootError({
      imports: [PgQueueModule.forRoot({ dataSource: 'other' })],
      providers: [mysql],
    });
    expect(error.message).toBe("dataSource: must be of type 'postgres', is 'mysql'");
  });

  it.each(['queue', "we\"ird 'schema'; --", 'Größe 📦'])('H31: works in the schema %s', async (schema) => {
    const app = await startApp({
      imports: [
        typeOrm(second.url, { name: 'second', migrations: createPgQueueMigrations({ schema }) }),
        PgQueueModule.forRoot({ dataSource: 'second', schema }),
      ],
      providers: [Worker],
    });
    const queue = app.get(QueueService);
    const listening = new Promise<void>((resolve) =>
      queue.subscribe(({ type }) => type === 'listening' && resolve()),
    );
    await listening;
    const { ids } = await pushAll(queue);
    await until(() => app.get(Worker).ran.length === 2);
    expect(ids).toHaveLength(2);
    await app.close();
  });

  it("uses the DataSource's own schema when none is named", async () => {
    const schema = 'of the data source';
    await createSchema(second.url, schema);
    const app = await startApp({
      imports: [
        typeOrm(second.url, { name: 'second', schema }),
        PgQueueModule.forRoot({ dataSource: 'second' }),
      ],
      providers: [Worker],
    });
    await pushAll(app.get(QueueService));
    await until(() => app.get(Worker).ran.length === 2);
    const rows = await storedTasks(app.get(getDataSourceToken('second')), 'true', schema);
    expect(rows.map(({ payload }) => payload).toSorted()).toEqual([1, 2]);
    await app.close();
  });
});

/** TypeORM keeps its own table there, and does not create it. */
async function createSchema(connectionString: string, schema: string): Promise<void> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  await client.query(`CREATE SCHEMA ${pg.escapeIdentifier(schema)}`);
  await client.end();
}

/** A push, a cancel, a retry: every statement that names the schema. */
async function pushAll(queue: QueueService): Promise<{ ids: unknown[] }> {
  const results = await queue.pushTasks([
    { kind: WORK, payload: 1, externalKey: 'a' },
    { kind: WORK, payload: 2 },
  ]);
  expect(results.map(({ status }) => status)).toEqual(['pushed', 'pushed']);
  expect(await queue.cancelTaskByKey(WORK, 'unknown')).toBe(false);
  expect(await queue.retryTasks(WORK)).toBe(0);
  return { ids: results.map(({ id }) => id) };
}

const WORK = defineTask<number>({ kind: 1, attemptTimeout: '5s', backoff: noJitter('1s') });

@Injectable()
class Worker {
  readonly ran: number[] = [];

  constructor(@InjectDataSource('second') readonly dataSource: DataSource) {}

  @TaskHandler(WORK)
  async work(task: Task<number>) {
    await this.dataSource.transaction((manager) => task.completeIn(manager));
    this.ran.push(task.payload);
  }
}
