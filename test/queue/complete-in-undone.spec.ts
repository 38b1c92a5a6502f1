import { beforeEach, describe, expect } from 'vitest';
import { LeaseLostError, type Task } from '../../lib/index.js';
import { databasePerFile, deferred, newKind, perTest, rejectionOf, until } from '../support/index.js';

const { it, app } = databasePerFile({ app: {} });

const events = perTest(() => app.recordEvents());

it.beforeAll(() => app.dataSource.query('CREATE TABLE effect (id int PRIMARY KEY)'));

beforeEach(() => app.dataSource.query('TRUNCATE effect'));

describe('completeIn whose effects are undone, or whose task is another’s', () => {
  it('is refused after a roll-back to a savepoint, when another has taken the task meanwhile', async () => {
    const thrown = deferred<unknown>();
    await start(async (task) => {
      const work = app.dataSource.transaction(async (manager) => {
        await rejectionOf(
          manager.transaction(async (nested) => {
            await task.completeIn(nested);
            fail();
          }),
        );
        await takeAway(task);
        await manager.query('INSERT INTO effect (id) VALUES (1)');
        await task.completeIn(manager);
      });
      thrown.resolve(await rejectionOf(work));
    });
    expect(await thrown.promise).toBeInstanceOf(LeaseLostError);
    expect(await effects()).toEqual([]);
    await until(() => settledAs().length === 1);
    expect(settledAs()).toEqual(['lost']);
  });

  it('completes after a roll-back to a savepoint, and only once where the savepoint is released', async () => {
    await start((task) =>
      app.dataSource.transaction(async (manager) => {
        await rejectionOf(
          manager.transaction(async (nested) => {
            await task.completeIn(nested);
            fail();
          }),
        );
        await manager.transaction((nested) => task.completeIn(nested));
        await task.completeIn(manager);
        await manager.query('INSERT INTO effect (id) VALUES (1)');
      }),
    );
    await until(() => settledAs().length === 1);
    expect(settledAs()).toEqual(['succeeded']);
    expect(await effects()).toEqual([1]);
  });

  it('of a transaction that was rolled back is no success, though another attempt has succeeded', async () => {
    await start(async (task) => {
      await rejectionOf(complete(task, 1, () => fail()));
      await takeAway(task, "status = 'succeeded', finished_at = now()");
    });
    await until(() => settledAs().length === 1);
    expect(settledAs()).toEqual(['lost']);
  });

  describe.each(['REPEATABLE READ', 'SERIALIZABLE'] as const)('in %s', (isolation) => {
    it('commits the outcome with the effects', async () => {
      await start((task) =>
        app.dataSource.transaction(isolation, async (manager) => {
          await manager.query('INSERT INTO effect (id) VALUES (1)');
          await task.completeIn(manager);
        }),
      );
      await until(() => settledAs().length === 1);
      expect(settledAs()).toEqual(['succeeded']);
      expect(await effects()).toEqual([1]);
    });

    it('fails with 40001 where another has taken the task since the transaction began', async () => {
      const thrown = deferred<unknown[]>();
      await start(async (task) => {
        const conflict = await rejectionOf(
          app.dataSource.transaction(isolation, async (manager) => {
            await manager.query('INSERT INTO effect (id) VALUES (1)');
            await takeAway(task);
            await task.completeIn(manager);
          }),
        );
        thrown.resolve([conflict, await rejectionOf(complete(task, 2))]);
      });
      const [conflict, again] = await thrown.promise;
      expect(conflict).toMatchObject({ code: '40001' });
      expect(again).toBeInstanceOf(LeaseLostError);
      expect(await effects()).toEqual([]);
    });
  });
});

const effects = async () =>
  (await app.dataSource.query('SELECT id FROM effect ORDER BY id')).map(({ id }: { id: number }) => id);
const settledAs = () =>
  events.of('attempt-settled').flatMap(({ kind, as }) => (kind === definition.kind ? [as] : []));

async function start(handler: (task: Task<any>) => unknown): Promise<void> {
  definition = newKind();
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

/** As a rescue does, and the claim or the end of another process after it; nobody is told. */
async function takeAway(
  task: Task,
  how = "status = 'must_retry', run_at = now() + interval '1 hour'",
): Promise<void> {
  await app.dataSource.query(`UPDATE pgqueue SET ${how}, lease_id = NULL, claim_id = NULL WHERE id = $1`, [
    task.id,
  ]);
}

let definition = newKind();
