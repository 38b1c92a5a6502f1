import { AsyncLocalStorage } from 'node:async_hooks';
import pg from 'pg';
import type { EntityManager } from 'typeorm';
import { afterAll, beforeEach, describe, expect } from 'vitest';
import { InvalidManagerError, type TransactionOptions } from '../../lib/index.js';
import { databasePerFile, newKind, rejectionOf } from '../support/index.js';

const { it, database, app, openApp } = databasePerFile({
  app: { options: { autoStart: false, transactionManager: ambientManager }, typeorm: { extra: { max: 3 } } },
});

beforeEach(() => app.dataSource.query('TRUNCATE pgqueue'));

describe('a push in the transaction of an EntityManager', () => {
  it('commits with it', async () => {
    await app.dataSource.transaction(async (manager) => {
      await push({ manager });
      expect(await stored()).toEqual([]);
    });
    expect(await stored()).toHaveLength(1);
  });

  it('H18: leaves nothing when it rolls back', async () => {
    const error = await rejectionOf(
      app.dataSource.transaction(async (manager) => {
        await push({ manager });
        await app.queue.pushTasks(
          Array.from({ length: 3000 }, () => ({ kind: definition, payload: 0 })),
          { manager },
        );
        throw rollback;
      }),
    );
    expect(error).toBe(rollback);
    expect(await stored()).toEqual([]);
  });

  it('is undone by a savepoint that rolls back, and by no more', async () => {
    await app.dataSource.transaction(async (manager) => {
      await push({ manager });
      await rejectionOf(
        manager.transaction(async (nested) => {
          await app.queue.pushTask({ kind: definition, payload: 'nested' }, { manager: nested });
          throw rollback;
        }),
      );
    });
    expect(await stored()).toMatchObject([{ payload: 0 }]);
  });

  it('H19: takes no connection besides', async () => {
    const narrow = await openApp({
      options: { autoStart: false },
      typeorm: { extra: { max: 1 } },
    });
    await narrow.dataSource.transaction(async (manager) => {
      await narrow.queue.pushTask({ kind: definition, payload: 0, externalKey: 'one' }, { manager });
      const tasks = Array.from({ length: 2500 }, (_, n) => ({
        kind: definition,
        payload: 0,
        externalKey: n % 2 ? `${n}` : null,
      }));
      await narrow.queue.pushTasks(tasks, { manager });
      await narrow.queue.cancelTaskByKey(definition, 'one', { manager });
    });
    await narrow.close();
    expect(await stored()).toHaveLength(2501);
  });
});

describe('a push in the transaction of a QueryRunner', () => {
  it.each(['commitTransaction', 'rollbackTransaction'] as const)('ends with its %s', async (end) => {
    const runner = app.dataSource.createQueryRunner();
    await runner.startTransaction();
    await push({ manager: runner });
    await push({ manager: runner.manager });
    expect(await stored()).toEqual([]);
    await runner[end]();
    await runner.release();
    expect(await stored()).toHaveLength(end === 'commitTransaction' ? 1 : 0);
  });
});

describe('a push by an executor', () => {
  let client: pg.Client;

  it.beforeAll(async () => {
    client = new pg.Client({ connectionString: database.url });
    await client.connect();
  });

  afterAll(() => client.end());

  it.each(['COMMIT', 'ROLLBACK'])('ends with the %s of a pg client', async (end) => {
    await client.query('BEGIN');
    expect(await push({ executor: client })).toMatchObject({ status: 'pushed' });
    expect(await push({ executor: client })).toMatchObject({ status: 'duplicate' });
    await app.queue.pushTask({ kind: definition, payload: 1 }, { executor: client });
    expect(await stored()).toEqual([]);
    await client.query(end);
    expect(await stored()).toHaveLength(end === 'COMMIT' ? 2 : 0);
  });

  it.each([
    ['an array of rows', (rows: unknown[]) => rows],
    ['rows and their number', (rows: unknown[]) => [rows, rows.length]],
    ['an object with rows', (rows: unknown[]) => ({ rows })],
  ])('H51: reads an answer of %s', async (_, answer) => {
    const executor = {
      query: async (sql: string, parameters?: unknown[]) =>
        answer((await client.query(sql, parameters)).rows),
    };
    const { id } = await push({ executor });
    expect(await push({ executor })).toEqual({ id, status: 'duplicate' });
    expect(await stored()).toMatchObject([{ id }]);
  });

  it.each([undefined, null, 5, {}, { rows: 5 }])('refuses an answer of %o', async (answer) => {
    const error = await rejectionOf(push({ executor: { query: async () => answer } }));
    expect(error).toBeInstanceOf(InvalidManagerError);
  });

  it.each([{}, { query: 'SELECT 1' }, 5, 'client'])('refuses %o in its place', async (executor) => {
    const error = await rejectionOf(push({ executor: executor as never }));
    expect(error).toBeInstanceOf(InvalidManagerError);
    expect(await stored()).toEqual([]);
  });
});

describe('the hook for an ambient transaction', () => {
  it('is asked at each push that names no transaction', async () => {
    await rejectionOf(
      app.dataSource.transaction((manager) =>
        ambient.run(manager, async () => {
          await push();
          await app.queue.pushTasks([{ kind: definition, payload: 1 }]);
          expect(await stored()).toEqual([]);
          throw rollback;
        }),
      ),
    );
    expect(await stored()).toEqual([]);
    await app.dataSource.transaction((manager) => ambient.run(manager, () => push()));
    expect(await stored()).toHaveLength(1);
  });

  it('is asked by cancel and retry too', async () => {
    await push();
    await rejectionOf(
      app.dataSource.transaction((manager) =>
        ambient.run(manager, async () => {
          expect(await app.queue.cancelTaskByKey(definition, 'key')).toBe(true);
          throw rollback;
        }),
      ),
    );
    expect(await stored()).toMatchObject([{ status: 'new' }]);
  });

  it('gives way to a transaction that is named', async () => {
    await app.dataSource.transaction(async (manager) => {
      await rejectionOf(
        app.dataSource.transaction((other) =>
          ambient.run(other, async () => {
            await push({ manager });
            throw rollback;
          }),
        ),
      );
    });
    expect(await stored()).toHaveLength(1);
  });

  it('is trusted as little as a manager that is named', async () => {
    let late!: EntityManager;
    await app.dataSource.transaction(async (manager) => {
      late = manager;
    });
    await expect(ambient.run(late, () => push())).rejects.toThrow(InvalidManagerError);
    expect(await stored()).toEqual([]);
  });
});

const rollback = new Error('roll back');

const stored = () => app.stored(`kind = ${definition.kind}`);
const push = (options?: TransactionOptions) =>
  app.queue.pushTask({ kind: definition, payload: 0, externalKey: 'key' }, options);

/** As nestjs-cls returns it: the manager of the open transaction, or else that of the DataSource. */
function ambientManager(): EntityManager {
  return ambient.getStore() ?? app.dataSource.manager;
}

const definition = newKind();

const ambient = new AsyncLocalStorage<EntityManager>();
