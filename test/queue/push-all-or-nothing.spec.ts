import pg from 'pg';
import { DataSource, type EntityManager } from 'typeorm';
import { afterEach, beforeEach, describe, expect } from 'vitest';
import type { NewTask, TransactionOptions } from '../../lib/index.js';
import { databasePerFile, IDLE, newKind, rejectionOf } from '../support/index.js';
import { cannotRunOver } from '../support/over.js';

const { it, database, app } = databasePerFile({ app: IDLE });

beforeEach(() => app.dataSource.query('TRUNCATE pgqueue'));

afterEach(() => app.dataSource.query('ALTER TABLE pgqueue DROP CONSTRAINT IF EXISTS not_refused'));

describe('H20: a manager that can not carry the push is refused, and nothing is written', () => {
  /** What each call that takes a manager is refused with. */
  async function refusals(options: TransactionOptions): Promise<unknown[]> {
    const errors = await Promise.all(
      [
        app.queue.pushTask({ kind: definition, payload: 0, externalKey: 'key' }, options),
        app.queue.pushTasks(batchWithBadEnd(), options),
        app.queue.cancelTaskByKey(definition, 'key', options),
        app.queue.retryTasks(definition, options),
      ].map(rejectionOf),
    );
    return [...errors, ...(await stored())];
  }

  it.skipIf(cannotRunOver({ pg: 'a pool can not tell whose manager it is' }))(
    'when it is of another DataSource, even of one to the same database',
    async () => {
      const foreign = new DataSource({ type: 'postgres', url: database.url });
      await foreign.initialize();
      const runner = foreign.createQueryRunner();
      const refused = allWith(/belongs to another DataSource/);
      expect(await refusals({ manager: foreign.manager })).toEqual(refused);
      expect(await refusals({ manager: runner })).toEqual(refused);
      expect(await foreign.transaction((manager) => refusals({ manager }))).toEqual(refused);
      await runner.release();
      await foreign.destroy();
    },
  );

  it('when its transaction is over', async () => {
    let late!: EntityManager;
    await app.dataSource.transaction(async (manager) => {
      late = manager;
    });
    expect(await refusals({ manager: late })).toEqual(allWith(/released/));
    const runner = app.dataSource.createQueryRunner();
    await runner.startTransaction();
    await runner.rollbackTransaction();
    await runner.release();
    expect(await refusals({ manager: runner })).toEqual(allWith(/released/));
  });

  it('when its transaction has failed', async () => {
    const runner = app.dataSource.createQueryRunner();
    await runner.startTransaction();
    await rejectionOf(runner.query('SELECT 1 / 0'));
    const executor = { query: (sql: string, values?: unknown[]) => runner.query(sql, values) };
    for (const options of [{ manager: runner }, { manager: runner.manager }, { executor }]) {
      expect(await refusals(options)).toEqual(allWith(/has failed already/));
    }
    await runner.rollbackTransaction();
    await runner.release();
  });

  it('when it is given together with an executor', async () => {
    const { manager } = app.dataSource;
    expect(await refusals({ manager, executor: manager })).toEqual(allWith(/not both/));
  });
});

describe('a batch that takes several statements', () => {
  it.each([
    ['without a transaction', () => ({})],
    ['by the manager of the DataSource', () => ({ manager: app.dataSource.manager })],
    ['by a pool of pg', (pool: pg.Pool) => ({ executor: pool })],
  ])('is stored whole or not at all, %s', async (_, options) => {
    await refusePayload();
    const pool = new pg.Pool({ connectionString: database.url, max: 2 });
    const error = await rejectionOf(app.queue.pushTasks(batchWithBadEnd(), options(pool)));
    expect(error).toMatchObject({ code: '23514' });
    expect(await stored()).toEqual([]);
    const results = await app.queue.pushTasks(batchWithBadEnd().slice(0, -1), options(pool));
    expect(results).toHaveLength(4500);
    expect(await stored()).toHaveLength(4500);
    await pool.end();
  });
});

const stored = () => app.stored(`kind = ${definition.kind}`);

/** So many and so large that it takes several statements; the last one is refused by the database. */
function batchWithBadEnd(): NewTask[] {
  const tasks: NewTask[] = Array.from({ length: 4500 }, () => ({ kind: definition, payload: 0 }));
  return [...tasks, { kind: definition, payload: 'refused' }];
}

/** What a database refuses that checks payloads by itself, as late as in the last statement. */
async function refusePayload(): Promise<void> {
  await app.dataSource.query(
    `ALTER TABLE pgqueue ADD CONSTRAINT not_refused CHECK (payload::text <> '"refused"')`,
  );
}

/** All four, and nothing is stored. */
function allWith(message: RegExp): unknown[] {
  const refusal = { code: 'PGQUEUE_INVALID_MANAGER', message: expect.stringMatching(message) };
  return Array.from({ length: 4 }, () => expect.objectContaining(refusal));
}

const definition = newKind();
