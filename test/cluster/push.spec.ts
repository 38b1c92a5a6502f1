import pg from 'pg';
import { DataSource } from 'typeorm';
import { afterEach, describe, expect, vi } from 'vitest';
import {
  InvalidManagerError,
  InvalidOptionError,
  InvalidTaskError,
  type PushResult,
  type ShardKey,
  PartialFailureError,
} from '../../lib/index.js';
import { cutOff } from '../support/cut-off.js';
import { newKind, recordEvents, rejectionOf } from '../support/index.js';
import {
  createShardedApp,
  type ShardDatabases,
  shardOfPrefix,
  shardsPerFile,
} from '../support/sharded-app.js';

const { it, databases, app } = shardsPerFile(['a', 'b', 'c'], { app: openDraining });

afterEach(() => clear());

describe('pushTask', () => {
  it('goes to the shard of its key, and its id names it', async () => {
    const { id, status } = await app.queue.pushTask({ kind, payload: 1 }, { shardKey: 'b/7' });
    expect(status).toBe('pushed');
    expect(id).toMatch(/^b\/\d+$/);
    expect([await stored('a'), await stored('b')]).toEqual([[], [1]]);
  });

  it('goes to the shard of its manager, and commits or rolls back with it', async () => {
    await app.dataSource('a').transaction(async (manager) => {
      await app.queue.pushTask({ kind, payload: 'committed' }, { manager });
    });
    const failing = app.dataSource('b').transaction(async (manager) => {
      await app.queue.pushTask({ kind, payload: 'rolled back' }, { manager });
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect([await stored('a'), await stored('b')]).toEqual([['committed'], []]);
  });

  it('goes to the shard of a query runner too', async () => {
    const runner = app.dataSource('b').createQueryRunner();
    await runner.startTransaction();
    await app.queue.pushTask({ kind, payload: 1 }, { manager: runner });
    await runner.commitTransaction();
    await runner.release();
    expect(await stored('b')).toEqual([1]);
  });

  it('goes by an executor to the shard of its key', async () => {
    const client = new pg.Client({ connectionString: databases.a.url });
    await client.connect();
    await client.query('BEGIN');
    await app.queue.pushTask({ kind, payload: 1 }, { executor: client, shardKey: 'a/1' });
    expect(await stored('a')).toEqual([]);
    await client.query('COMMIT');
    await client.end();
    expect(await stored('a')).toEqual([1]);
  });

  it('is refused when nothing says of which shard it is', async () => {
    const error = await rejectionOf(app.queue.pushTask({ kind, payload: 1 }));
    expect(error).toBeInstanceOf(InvalidTaskError);
    expect(error).toMatchObject({
      field: 'shardKey',
      message: expect.stringContaining('the queue has several'),
    });
    const executor = { query: () => expect.unreachable('something was written') };
    await expect(app.queue.pushTask({ kind, payload: 1 }, { executor })).rejects.toThrow(InvalidTaskError);
  });

  it('is refused when its transaction and its key are of different shards', async () => {
    const push = app
      .dataSource('a')
      .transaction((manager) => app.queue.pushTask({ kind, payload: 1 }, { manager, shardKey: 'b/1' }));
    await expect(push).rejects.toThrow(InvalidManagerError);
    await expect(push).rejects.toThrow('manager: is of shard a, but shardKey b/1 belongs to shard b');
    expect([await stored('a'), await stored('b')]).toEqual([[], []]);
  });

  it('is refused by the manager of another DataSource', async () => {
    const foreign = await new DataSource({ type: 'postgres', url: databases.a.url }).initialize();
    await expect(app.queue.pushTask({ kind, payload: 1 }, { manager: foreign.manager })).rejects.toThrow(
      InvalidManagerError,
    );
    await foreign.destroy();
  });

  it.each([
    ['an unknown shard', 'nowhere/1', 'shardOf returned "nowhere"'],
    ['a promise', 'later/1', 'shardOf returned a promise'],
    ['a shard that is draining', 'c/1', 'must not lead to shard c, which is draining'],
    ['what is no key', {} as never, 'must be a string, a number or a bigint'],
  ])('is refused for %s', async (_, shardKey, message) => {
    const push = app.queue.pushTask({ kind, payload: 1 }, { shardKey });
    await expect(push).rejects.toThrow(InvalidTaskError);
    await expect(push).rejects.toThrow(message);
  });

  it('tells subscribers in which shard it was', async () => {
    const events = recordEvents(app.queue);
    await app.queue.pushTask({ kind, payload: 1 }, { shardKey: 'b/1' });
    expect(events.of('tasks-pushed')).toMatchObject([{ shard: 'b', kind: kind.kind, count: 1 }]);
  });
});

describe('pushTasks', () => {
  const tasks = ['a/1', 'b/1', 'a/2'].map((shardKey) => ({ kind, payload: shardKey, shardKey }));

  it('spreads tasks by their keys, and answers in their order', async () => {
    const results = await app.queue.pushTasks([...tasks, { kind, payload: 'of the push' }], {
      shardKey: 'b/0',
    });
    expect(results.map(({ id, status }) => [id!.split('/')[0], status])).toEqual([
      ['a', 'pushed'],
      ['b', 'pushed'],
      ['a', 'pushed'],
      ['b', 'pushed'],
    ]);
    expect([await stored('a'), await stored('b')]).toEqual([
      ['a/1', 'a/2'],
      ['b/1', 'of the push'],
    ]);
  });

  it('names the task that belongs nowhere by its place, before anything is written', async () => {
    const error = await rejectionOf(app.queue.pushTasks([...tasks, { kind, payload: 1 }]));
    expect(error).toMatchObject({ field: 'tasks[3].shardKey' });
    expect([await stored('a'), await stored('b')]).toEqual([[], []]);
  });

  it('says of each task what became of it when a shard is down, and stores the others', async () => {
    const restore = await cutOff(databases.b);
    const error = await rejectionOf(app.queue.pushTasks(tasks)).finally(restore);
    expect(error).toBeInstanceOf(PartialFailureError);
    const { errors, result, message } = error as PartialFailureError<PushResult[]>;
    expect([...errors.keys()]).toEqual(['b']);
    expect(message).toMatch(/^shard b: /);
    expect(result).toMatchObject([
      { id: expect.stringMatching(/^a\//), status: 'pushed' },
      { id: null, status: 'failed', shard: 'b' },
      { id: expect.stringMatching(/^a\//), status: 'pushed' },
    ]);
    expect(await stored('a')).toEqual(['a/1', 'a/2']);
  });

  it('fails with the own error of a shard when there was no other', async () => {
    const restore = await cutOff(databases.b);
    const error = await rejectionOf(app.queue.pushTasks([tasks[1]!])).finally(restore);
    expect(error).toBeInstanceOf(Error);
    expect(error).not.toBeInstanceOf(PartialFailureError);
  });

  it('goes whole with a manager, and refuses a task of another shard', async () => {
    const push = app.dataSource('a').transaction((manager) => app.queue.pushTasks(tasks, { manager }));
    await expect(push).rejects.toThrow('is of shard a, but tasks[1].shardKey b/1 belongs to shard b');
    expect(await stored('a')).toEqual([]);
  });
});

describe('pushTasks by an executor', () => {
  it('is refused when the keys of the tasks are of several shards: its transaction is of one', async () => {
    const client = new pg.Client({ connectionString: databases.a.url });
    await client.connect();
    const tasks = ['a/1', 'a/2', 'b/1'].map((shardKey) => ({ kind, payload: shardKey, shardKey }));
    const error = await rejectionOf(app.queue.pushTasks(tasks, { executor: client }));
    expect(error).toMatchObject({ code: 'PGQUEUE_INVALID_TASK', field: 'tasks[2].shardKey' });
    expect(await stored('a')).toEqual([]);
    await app.queue.pushTasks(tasks.slice(0, 2), { executor: client });
    await client.end();
    expect(await stored('a')).toEqual(['a/1', 'a/2']);
  });
});

describe('cancelTaskByKey and retryTasks', () => {
  const keyed = newKind({ maxAttempts: 1 });

  async function pushKeyed(): Promise<void> {
    for (const shard of ['a', 'b']) {
      await app.queue.pushTask({ kind: keyed, payload: shard, externalKey: 'k' }, { shardKey: `${shard}/1` });
    }
  }

  const open = async (shard: string): Promise<number> =>
    (await app.dataSource(shard).query("SELECT 1 FROM pgqueue WHERE status = 'new'")).length;

  it('cancels in every shard, or in that of the key', async () => {
    await pushKeyed();
    expect(await app.queue.cancelTaskByKey(keyed, 'k', { shardKey: 'a/1' })).toBe(true);
    expect([await open('a'), await open('b')]).toEqual([0, 1]);
    expect(await app.queue.cancelTaskByKey(keyed, 'k')).toBe(true);
    expect([await open('a'), await open('b')]).toEqual([0, 0]);
    expect(await app.queue.cancelTaskByKey(keyed, 'k')).toBe(false);
  });

  it('says which shard it could not ask, after the others were', async () => {
    await pushKeyed();
    const restore = await cutOff(databases.b);
    const error = await rejectionOf(app.queue.cancelTaskByKey(keyed, 'k')).finally(restore);
    expect(error).toMatchObject({ code: 'PGQUEUE_PARTIAL_FAILURE', result: true });
    expect(await open('a')).toBe(0);
  });

  it('retries in every shard, up to the limit in all', async () => {
    for (const shard of ['a', 'b']) {
      await app.queue.pushTasks(
        [1, 2, 3].map((payload) => ({ kind: keyed, payload })),
        { shardKey: `${shard}/1` },
      );
      await app.dataSource(shard).query("UPDATE pgqueue SET status = 'no_attempts_left', attempts_left = 0");
    }
    expect(await app.queue.retryTasks(keyed, { limit: 4 })).toBe(4);
    expect(await app.queue.retryTasks(keyed, { shardKey: 'a/1' })).toBe(0);
    expect(await app.queue.retryTasks(keyed)).toBe(2);
  });
});

describe('the options', () => {
  const pool = new pg.Pool();

  it.each([
    ['no names', { names: [], shardOf }, 'shards.names'],
    ['a name twice', { names: ['a', 'a'], shardOf }, 'shards.names[1]'],
    ['a name that an id could not carry', { names: ['a/b'], shardOf }, 'shards.names[0]'],
    ['no shardOf', { names: ['a'] } as never, 'shards.shardOf'],
    ['an unknown shard that drains', { names: ['a'], shardOf, draining: ['b'] }, 'shards.draining[0]'],
    ['a pool of an unknown shard', { names: ['a'], shardOf, pools: { a: pool, b: pool } }, 'shards.pools.b'],
    ['a pool that is missing', { names: ['a'], shardOf, pools: {} }, 'shards.pools.a'],
    ['an unknown option', { names: ['a'], shardOf, shardof: 1 } as never, 'shards.shardof'],
  ])('are refused with %s', async (_, shards, field) => {
    const error = await rejectionOf(createShardedApp({ databases: {}, shards, options: { shards } }));
    expect(error).toBeInstanceOf(InvalidOptionError);
    expect(error).toMatchObject({ field });
  });

  it('are refused beside another place to work in', async () => {
    const refused = createShardedApp({ databases, options: { dataSource: 'a' } });
    await expect(refused).rejects.toThrow('must not be given with shards');
  });

  it('ask shardOf for each key, whatever its type', async () => {
    const asked = vi.fn<(key: unknown) => string>(() => 'a');
    const numbers = await createShardedApp({ databases, shards: { shardOf: asked } });
    for (const shardKey of [7, 7n, '7']) {
      await numbers.queue.pushTask({ kind, payload: 1 }, { shardKey });
    }
    await numbers.close();
    expect(asked.mock.calls).toEqual([[7], [7n], ['7']]);
  });
});

/** As somebody who looks it up may write it. */
const sometimesLater = (key: ShardKey) =>
  key === 'later/1' ? (Promise.resolve('a') as never) : shardOfPrefix(key);

async function clear(): Promise<void> {
  await Promise.all(['a', 'b', 'c'].map((shard) => app.dataSource(shard).query('DELETE FROM pgqueue')));
}

async function stored(shard: string): Promise<unknown[]> {
  const rows = await app
    .dataSource(shard)
    .query<{ payload: unknown }[]>('SELECT payload FROM pgqueue ORDER BY id');
  return rows.map(({ payload }) => payload);
}

const kind = newKind();

function shardOf() {
  return 'a';
}

function openDraining(created: ShardDatabases) {
  return createShardedApp({ databases: created, shards: { draining: ['c'], shardOf: sometimesLater } });
}
