import pg from 'pg';
import { DataSource } from 'typeorm';
import { beforeEach, describe, expect } from 'vitest';
import { InvalidManagerError, type KindOptions, LeaseLostError, type Task } from '../../lib/index.js';
import { databasePerFile, deferred, newKind, perTest, rejectionOf, until } from '../support/index.js';
import { cannotRunOver } from '../support/over.js';

const { it, database, app } = databasePerFile({ app: {} });

const events = perTest(() => app.recordEvents());

it.beforeAll(() => createEffects());

beforeEach(() => app.dataSource.query('TRUNCATE effect'));

describe('completeIn', () => {
  it('commits the outcome with the effects', async () => {
    const before = deferred<unknown[]>();
    await start({}, (task) =>
      complete(task, 1, async () => before.resolve([await effects(), (await stored())[0]!.status])),
    );
    expect(await before.promise).toEqual([[], 'new']);
    await until(() => settledAs().length === 1);
    expect(settledAs()).toEqual(['succeeded']);
    expect(await effects()).toEqual([1]);
    expect(await stored()).toMatchObject([
      {
        status: 'succeeded',
        lease_id: null,
        attempts_elapsed: 1,
        messages: null,
        finished_at: expect.anything(),
      },
    ]);
  });

  it.each([
    ['an open QueryRunner', (task: Task) => inRunner((runner) => task.completeIn(runner))],
    ['a client of pg', (task: Task) => inClient((client) => task.completeIn(client))],
  ])('takes %s too', async (_, work) => {
    await start({}, work);
    await until(() => settledAs().length === 1);
    expect(settledAs()).toEqual(['succeeded']);
    expect(await stored()).toMatchObject([{ status: 'succeeded' }]);
  });

  it('deletes the row in the transaction when the terminal TTL is 0', async () => {
    const inside = deferred<unknown>();
    await start({ terminalTasksTtl: 0 }, (task) =>
      app.dataSource.transaction(async (manager) => {
        await task.completeIn(manager);
        inside.resolve(await manager.query('SELECT id FROM pgqueue WHERE kind = $1', [task.kind]));
      }),
    );
    expect(await inside.promise).toEqual([]);
    await until(async () => (await stored()).length === 0);
    await until(() => settledAs().length === 1);
    expect(settledAs()).toEqual(['succeeded']);
  });

  it.each([0, '1h'])(
    'counts for nothing when the transaction rolls back: the error of the handler does (TTL %s)',
    async (terminalTasksTtl) => {
      await start({ terminalTasksTtl, maxTaskErrorMessages: 5 }, (task) =>
        complete(task, task.attempt, () => task.attempt < 3 && fail(`attempt ${task.attempt}`)),
      );
      await until(() => settledAs().includes('succeeded'));
      expect(settledAs()).toEqual(['failed', 'failed', 'succeeded']);
      expect(await effects()).toEqual([3]);
    },
  );

  it('counts for nothing when the transaction rolls back: the return of the handler does', async () => {
    await start({}, (task) => complete(task, 1, fail).catch(() => undefined));
    await until(async () => (await stored())[0]!.status === 'succeeded');
    expect(await effects()).toEqual([]);
    await until(() => settledAs().length === 1);
    expect(settledAs()).toEqual(['succeeded']);
  });

  it('H26: counts for nothing when the commit fails', async () => {
    const insert = 'INSERT INTO effect (id, key) VALUES ($1, $2)';
    await start({ maxTaskErrorMessages: 2 }, (task) =>
      app.dataSource.transaction(async (manager) => {
        await manager.query(insert, [task.attempt, 'first']);
        // The constraint is deferred: the transaction fails at its commit, and only in the first attempt.
        await manager.query(insert, [task.attempt + 10, task.attempt === 1 ? 'first' : 'second']);
        await task.completeIn(manager);
      }),
    );
    await until(() => settledAs().includes('succeeded'));
    expect(settledAs()).toEqual(['failed', 'succeeded']);
    expect(await effects()).toEqual([2, 12]);
    expect((await stored())[0]!.messages).toEqual([expect.stringContaining('duplicate key value')]);
  });

  it('stands when the handler throws after the commit', async () => {
    await start({}, async (task) => {
      await complete(task, 1);
      fail('after the commit');
    });
    await until(() => settledAs().length === 1);
    expect(settledAs()).toEqual(['succeeded']);
    expect(await effects()).toEqual([1]);
    expect(await stored()).toMatchObject([{ status: 'succeeded', attempts_elapsed: 1, messages: null }]);
  });

  it('refuses an attempt whose task was cancelled meanwhile, so that its effects roll back', async () => {
    const [started, go, thrown] = [deferred(), deferred(), deferred<unknown>()];
    await start({}, async (task) => {
      started.resolve();
      await go.promise;
      thrown.resolve(await rejectionOf(complete(task, 1)));
    });
    await started.promise;
    expect(await app.queue.cancelTaskByKey(definition, 'key')).toBe(true);
    go.resolve();
    const error = await thrown.promise;
    expect(error).toBeInstanceOf(LeaseLostError);
    expect(error).toMatchObject({ code: 'PGQUEUE_LEASE_LOST' });
    expect(await effects()).toEqual([]);
    await until(() => settledAs().length === 1);
    expect(settledAs()).toEqual(['lost']);
    expect(await stored()).toMatchObject([{ status: 'cancelled' }]);
  });

  it('makes a cancel wait, and find the task done', async () => {
    const [completed, go] = [deferred(), deferred()];
    await start({}, (task) =>
      complete(task, 1, async () => {
        completed.resolve();
        await go.promise;
      }),
    );
    await completed.promise;
    const cancelled = app.queue.cancelTaskByKey(definition, 'key');
    await until(async () => {
      const [{ waiting }] = await app.dataSource.query(
        `SELECT count(*)::int AS waiting FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`,
      );
      return waiting === 1;
    });
    go.resolve();
    expect(await cancelled).toBe(false);
    await until(() => settledAs().length === 1);
    expect(await stored()).toMatchObject([{ status: 'succeeded' }]);
    expect(await effects()).toEqual([1]);
  });

  it('works once: a second call is refused', async () => {
    const second = deferred<unknown>();
    await start({}, async (task) => {
      await complete(task, 1);
      second.resolve(await rejectionOf(complete(task, 2)));
    });
    expect(await second.promise).toBeInstanceOf(LeaseLostError);
    expect(await effects()).toEqual([1]);
  });

  it.skipIf(cannotRunOver({ pg: 'a pool can not tell whose manager it is' }))(
    'refuses the manager of another DataSource',
    async () => {
      const thrown = deferred<unknown>();
      const foreign = new DataSource({ type: 'postgres', url: database.url });
      await foreign.initialize();
      await start({}, async (task) => {
        thrown.resolve(await rejectionOf(foreign.transaction((manager) => task.completeIn(manager))));
      });
      expect(await thrown.promise).toBeInstanceOf(InvalidManagerError);
      await until(async () => (await stored())[0]!.status === 'succeeded');
      await foreign.destroy();
    },
  );

  it('keeps the row while the live TTL is wrong', async () => {
    let ttl: number | string = 0;
    await start({ terminalTasksTtl: () => ttl }, async (task) => {
      ttl = 'nonsense';
      await complete(task, 1);
    });
    await until(() => settledAs().length === 1);
    expect(await stored()).toMatchObject([{ status: 'succeeded' }]);
    expect(events.of('option-invalid').map(({ kind }) => kind)).toContain(definition.kind);
  });

  it('is refused outside of a transaction, and changes nothing', async () => {
    const refusals: unknown[] = [];
    await start({}, async (task) => {
      refusals.push(await rejectionOf(task.completeIn(app.dataSource.manager)));
      await inPool(async (pool) => {
        refusals.push(await rejectionOf(task.completeIn(pool)));
        const client = await pool.connect();
        await client.query('BEGIN');
        await client.query('COMMIT');
        refusals.push(await rejectionOf(task.completeIn(client)));
        client.release();
      });
      expect((await stored())[0]).toMatchObject({ status: 'new' });
    });
    await until(() => settledAs().length === 1);
    expect(settledAs()).toEqual(['succeeded']);
    expect(refusals).toEqual(Array.from({ length: 3 }, () => expect.any(InvalidManagerError)));
  });

  it('changes nothing more when it is called again in the same transaction, and is refused in the next', async () => {
    let again: unknown;
    await start({}, async (task) => {
      await app.dataSource.transaction(async (manager) => {
        await task.completeIn(manager);
        await task.completeIn(manager);
      });
      again = await rejectionOf(complete(task));
    });
    await until(() => settledAs().length === 1);
    expect(settledAs()).toEqual(['succeeded']);
    expect(again).toBeInstanceOf(LeaseLostError);
    expect(await effects()).toEqual([]);
  });

  it('leaves no trace when its transaction rolls back: a cancel after that aborts the handler', async () => {
    const rolledBack = deferred();
    await start({}, async (task) => {
      await rejectionOf(complete(task, 1, () => fail()));
      rolledBack.resolve();
      await until(() => task.signal.aborted);
    });
    await rolledBack.promise;
    expect(await app.queue.cancelTaskByKey(definition, 'key')).toBe(true);
    await until(() => settledAs().length === 1);
    expect(settledAs()).toEqual(['lost']);
    expect((await stored())[0]).toMatchObject({ status: 'cancelled' });
  });
});

const stored = () => app.stored(`kind = ${definition.kind}`);
const effects = async () =>
  (await app.dataSource.query('SELECT id FROM effect ORDER BY id')).map(({ id }: { id: number }) => id);
const settledAs = () =>
  events.of('attempt-settled').flatMap(({ kind, as }) => (kind === definition.kind ? [as] : []));

async function start(options: KindOptions, handler: (task: Task<any>) => unknown): Promise<void> {
  definition = newKind(options);
  app.queue.registerKind(definition, handler);
  await app.queue.pushTask({ kind: definition, payload: 0, externalKey: 'key' });
}

/** An effect and the outcome in one transaction. */
const complete = (task: Task, effect = task.attempt, last: () => unknown = () => undefined) =>
  app.dataSource.transaction(async (manager) => {
    await manager.query('INSERT INTO effect (id) VALUES ($1)', [effect]);
    await task.completeIn(manager);
    await last();
  });

function fail(message = 'failed'): never {
  throw new Error(message);
}

async function inRunner(work: (runner: ReturnType<DataSource['createQueryRunner']>) => Promise<void>) {
  const runner = app.dataSource.createQueryRunner();
  await runner.startTransaction();
  await work(runner);
  await runner.commitTransaction();
  await runner.release();
}

async function inPool(work: (pool: pg.Pool) => Promise<unknown>) {
  const pool = new pg.Pool({ connectionString: database.url });
  await work(pool);
  await pool.end();
}

async function inClient(work: (client: pg.Client) => Promise<void>) {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await client.query('BEGIN');
  await work(client);
  await client.query('COMMIT');
  await client.end();
}

let definition = newKind();

async function createEffects(): Promise<void> {
  await app.dataSource.query(
    'CREATE TABLE effect (id int PRIMARY KEY, key text UNIQUE DEFERRABLE INITIALLY DEFERRED)',
  );
}
