import { beforeEach, describe, expect } from 'vitest';
import type { NewTask, PushResult } from '../../lib/index.js';
import { databasePerFile, deferred, newKind, rejectionOf, until } from '../support/index.js';

const { it, app } = databasePerFile({
  app: { options: { autoStart: false }, typeorm: { extra: { max: 30 } } },
});

beforeEach(() => app.dataSource.query('TRUNCATE pgqueue'));

describe('a key that is stored already', () => {
  it('H25: is a duplicate with the id of the stored task, whose payload stays', async () => {
    const first = await app.queue.pushTask(task('key', 'first'));
    const second = await app.queue.pushTask(task('key', 'second'), { delay: '1h', priority: 0 });
    expect(first.status).toBe('pushed');
    expect(second).toEqual({ id: first.id, status: 'duplicate' });
    expect(await stored()).toMatchObject([{ id: first.id, payload: 'first', priority: 5 }]);
  });

  it('is free in another kind', async () => {
    const other = newKind();
    await app.queue.pushTask(task('key'));
    expect(await app.queue.pushTask({ ...task('key'), kind: other })).toMatchObject({ status: 'pushed' });
  });

  it.each([undefined, null])('says nothing about tasks whose key is %o', async (externalKey) => {
    const push = () => app.queue.pushTask({ kind: definition, payload: 0, externalKey: externalKey as null });
    expect(await push()).toMatchObject({ status: 'pushed' });
    expect(await push()).toMatchObject({ status: 'pushed' });
    expect(await stored()).toHaveLength(2);
  });

  it('H28: is told from others to the letter', async () => {
    const keys = [
      'a',
      'A',
      ' a',
      'a ',
      'ä',
      'a\u0308',
      'null',
      '0',
      '😀',
      '%',
      '_',
      'x'.repeat(512),
      '€'.repeat(170),
    ];
    const results = await app.queue.pushTasks(keys.map((key) => task(key)));
    expect(results.map(({ status }) => status)).toEqual(keys.map(() => 'pushed'));
    expect((await stored()).map(({ external_key }) => external_key).toSorted()).toEqual(keys.toSorted());
  });

  it('is free again when the task is deleted', async () => {
    const { id } = await app.queue.pushTask(task('key'));
    await app.dataSource.query('DELETE FROM pgqueue WHERE id = $1', [id]);
    expect(await app.queue.pushTask(task('key'))).toMatchObject({ status: 'pushed' });
  });

  it('H21: does not break the transaction that meets it', async () => {
    const first = await app.queue.pushTask(task('key'));
    await app.dataSource.transaction(async (manager) => {
      expect(await app.queue.pushTask(task('key'), { manager })).toEqual({
        id: first.id,
        status: 'duplicate',
      });
      expect(await app.queue.pushTask(task('other'), { manager })).toMatchObject({ status: 'pushed' });
    });
    expect(await stored()).toHaveLength(2);
  });
});

describe('H24: one key several times in one batch', () => {
  it('is stored once, the first of them', async () => {
    const before = await app.queue.pushTask(task('before'));
    const results = await app.queue.pushTasks([
      task('b', 1),
      task('a', 2),
      task(null, 3),
      task('b', 4),
      task('before', 5),
      task('b', 6),
      task(null, 7),
      task('a', 8),
    ]);
    const [b, a, n1, , , , n2] = results as [PushResult, ...PushResult[]];
    expect(results.map(({ status }) => status)).toEqual([
      'pushed',
      'pushed',
      'pushed',
      'duplicate',
      'duplicate',
      'duplicate',
      'pushed',
      'duplicate',
    ]);
    expect(results.map(({ id }) => id)).toEqual([b.id, a!.id, n1!.id, b.id, before.id, b.id, n2!.id, a!.id]);
    const payloads = new Map((await stored()).map(({ id, payload }) => [id, payload]));
    expect([b, a!, n1!, n2!].map(({ id }) => payloads.get(id!))).toEqual([1, 2, 3, 7]);
    expect(payloads.size).toBe(5);
  });

  it('is stored once across the statements of a large batch', async () => {
    const tasks = Array.from({ length: 3000 }, (_, n) => task(`key ${n % 1000}`, n));
    const results = await app.queue.pushTasks(tasks);
    expect(results.map(({ status }) => status)).toEqual(
      tasks.map((_, n) => (n < 1000 ? 'pushed' : 'duplicate')),
    );
    expect(results.every(({ id }, n) => id !== null && id === results[n % 1000]!.id)).toBe(true);
    const payloads = (await stored()).map(({ payload }) => payload as number);
    expect(payloads.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, n) => n));
  });
});

describe('H22, H27: concurrent pushes of one key', () => {
  it('store one task: 99 of 100 are duplicates with its id', async () => {
    const results = await Promise.all(
      Array.from({ length: 100 }, (_, n) => app.queue.pushTask(task('key', n))),
    );
    const pushed = results.filter(({ status }) => status === 'pushed');
    expect(pushed).toHaveLength(1);
    expect(new Set(results.map(({ id }) => id))).toEqual(new Set([pushed[0]!.id]));
    expect(await stored()).toHaveLength(1);
  });

  it.each([
    ['commits', 'duplicate'],
    ['rolls back', 'pushed'],
  ] as const)('wait for the transaction that was first: when it %s, the other is %s', async (end, status) => {
    const [pushed, go] = [deferred<PushResult>(), deferred()];
    const first = app.dataSource.transaction(async (manager) => {
      pushed.resolve(await app.queue.pushTask(task('key', 'first'), { manager }));
      await go.promise;
      if (end === 'rolls back') throw new Error(end);
    });
    const { id } = await pushed.promise;
    const second = app.dataSource.transaction(async (manager) => {
      const results = await app.queue.pushTasks([task('key', 'second'), task('own')], { manager });
      // The transaction goes on.
      await manager.query('SELECT 1');
      return results;
    });
    await until(async () => (await waiting()) === 1);
    go.resolve();
    await first.catch(() => undefined);
    const [result, own] = await second;
    expect(result!.status).toBe(status);
    expect(result!.id === id).toBe(end === 'commits');
    expect(own!.status).toBe('pushed');
    expect((await stored()).map(({ payload }) => payload)).toContain(end === 'commits' ? 'first' : 'second');
    expect(await stored()).toHaveLength(2);
  });

  it('H23: fail in a snapshot that is older than the first, as PostgreSQL does', async () => {
    const runner = app.dataSource.createQueryRunner();
    await runner.startTransaction('REPEATABLE READ');
    await runner.query('SELECT 1 FROM pgqueue LIMIT 1');
    await app.queue.pushTask(task('key'));
    const error = await rejectionOf(app.queue.pushTask(task('key'), { manager: runner }));
    expect(error).toMatchObject({ code: '40001' });
    await runner.rollbackTransaction();
    await runner.release();
    expect(await stored()).toHaveLength(1);
  });
});

describe('H22: batches of the same keys in opposite order', () => {
  const keys = Array.from({ length: 50 }, (_, n) => `key ${n}`);

  it('wait for each other and do not deadlock', async () => {
    const other = newKind();
    const all = keys.flatMap((key) => [task(key), { ...task(key), kind: other }]);
    for (let round = 0; round < 5; round++) {
      const rounds = all.map((one) => ({ ...one, externalKey: `${round} ${one.externalKey}` }));
      const results = await Promise.all(
        [rounds, rounds.toReversed(), rounds, rounds.toReversed()].map((tasks) =>
          app.dataSource.transaction((manager) => app.queue.pushTasks(tasks, { manager })),
        ),
      );
      const counts = results.map((batch) => batch.filter(({ status }) => status === 'pushed').length);
      expect(counts.toSorted((a, b) => a - b)).toEqual([0, 0, 0, 100]);
    }
  });

  it('do not deadlock when they replace, either', async () => {
    const tasks = keys.map((key) => task(key));
    await app.queue.pushTasks(tasks);
    for (let round = 0; round < 5; round++) {
      await Promise.all(
        [tasks, tasks.toReversed(), tasks.toReversed()].map((batch) =>
          app.dataSource.transaction((manager) =>
            app.queue.pushTasks(batch, { manager, onConflict: 'replace' }),
          ),
        ),
      );
    }
    expect(await stored()).toHaveLength(50);
  });

  it('in several calls may deadlock: the caller hears of it, and one of the two is stored whole', async () => {
    const [met, both] = [deferred(), deferred()];
    let arrived = 0;
    const pushBoth = (first: string, second: string) =>
      app.dataSource.transaction(async (manager) => {
        await app.queue.pushTask(task(first, first), { manager });
        arrived += 1;
        if (arrived === 2) both.resolve();
        await both.promise;
        await app.queue.pushTask(task(second, first), { manager });
        met.resolve();
      });
    const results = await Promise.allSettled([pushBoth('a', 'b'), pushBoth('b', 'a')]);
    await met.promise;
    const failed = results.filter((result) => result.status === 'rejected');
    expect(failed).toHaveLength(1);
    expect(failed[0]!.reason).toMatchObject({ code: '40P01' });
    const survivor = results[0]!.status === 'fulfilled' ? 'a' : 'b';
    expect((await stored()).map(({ payload }) => payload)).toEqual([survivor, survivor]);
  });
});

const task = (externalKey: string | null, payload: unknown = 0): NewTask => ({
  kind: definition,
  payload,
  externalKey,
});
const stored = () => app.stored(`kind = ${definition.kind}`);

/** How many sessions wait for a lock of another. */
async function waiting(): Promise<number> {
  const [{ count }] = await app.dataSource.query(
    `SELECT count(*)::int FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`,
  );
  return count;
}

const definition = newKind();
