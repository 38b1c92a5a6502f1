import pg from 'pg';
import { afterEach, describe, expect } from 'vitest';
import { type Executor, InvalidManagerError, noJitter } from '../../lib/index.js';
import { deferred, lazily, newKind, rejectionOf } from '../support/index.js';
import { createShardedApp, type ShardDatabases, shardsPerFile } from '../support/sharded-app.js';

const { it, app } = shardsPerFile(['a', 'b'], { app: createAppOverPools });
const pools = lazily(() => app.pools);

afterEach(async () => {
  await Promise.all([pools.a, pools.b].map((pool) => pool.query('DELETE FROM pgqueue')));
});

describe('shards in pools of pg', () => {
  const kind = newKind();

  it('get what is pushed by key, and by a connection of their pool', async () => {
    await app.queue.pushTask({ kind, payload: 1 }, { shardKey: 'a/1' });
    const { id } = await inTransaction('b', (executor) =>
      app.queue.pushTask({ kind, payload: 2 }, { executor }),
    );
    expect(id).toMatch(/^b\//);
    await inTransaction('b', (executor) =>
      app.queue.pushTask({ kind, payload: 3 }, { executor, shardKey: 'b/1' }),
    );
    expect([await stored('a'), await stored('b')]).toEqual([[1], [2, 3]]);
  });

  it('get nothing by a connection of another one, whose task would bear their name', async () => {
    const push = inTransaction('b', (executor) =>
      app.queue.pushTask({ kind, payload: 1 }, { executor, shardKey: 'a/1' }),
    );
    await expect(push).rejects.toThrow(InvalidManagerError);
    await expect(push).rejects.toThrow('is of shard b, but shardKey a/1 belongs to shard a');
    expect([await stored('a'), await stored('b')]).toEqual([[], []]);
  });

  it('complete no task of another one, which may be called the same there', async () => {
    const own = newKind({ backoff: noJitter('1h') });
    const [began, refused] = [deferred(), deferred<unknown>()];
    const [goOn, end] = [deferred(), deferred()];
    app.queue.registerKind(own, async (task) => {
      began.resolve();
      await goOn.promise;
      refused.resolve(await rejectionOf(inTransaction('b', (executor) => task.completeIn(executor))));
      await inTransaction('a', (executor) => task.completeIn(executor));
      end.resolve();
    });
    await app.queue.pushTask({ kind: own, payload: 1 }, { shardKey: 'a/1' });
    await began.promise;
    const { rows } = await pools.a.query('SELECT id, lease_id, attempts_elapsed FROM pgqueue');
    const [{ id, lease_id, attempts_elapsed }] = rows;
    await pools.b.query(
      'INSERT INTO pgqueue (id, lease_id, attempts_elapsed, kind, payload) VALUES ($1, $2, $3, $4, to_json(2))',
      [id, lease_id, attempts_elapsed, own.kind],
    );
    goOn.resolve();
    expect(await refused.promise).toMatchObject({ code: 'PGQUEUE_INVALID_MANAGER' });
    const { rows: others } = await pools.b.query('SELECT status FROM pgqueue');
    expect(others).toEqual([{ status: 'new' }]);
    await end.promise;
  });
});

async function stored(shard: 'a' | 'b'): Promise<unknown[]> {
  const { rows } = await pools[shard].query('SELECT payload FROM pgqueue ORDER BY id');
  return rows.map(({ payload }) => payload);
}

async function inTransaction<T>(shard: 'a' | 'b', work: (client: Executor) => Promise<T>): Promise<T> {
  const client = await pools[shard].connect();
  try {
    await client.query('BEGIN');
    const result = await work(client);
    await client.query('COMMIT');
    return result;
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  } finally {
    client.release();
  }
}

async function createAppOverPools(databases: ShardDatabases<'a' | 'b'>) {
  const opened = {
    a: new pg.Pool({ connectionString: databases.a.url }),
    b: new pg.Pool({ connectionString: databases.b.url }),
  };
  const created = await createShardedApp({ databases, shards: { pools: opened } });
  const close = async () => {
    await created.close();
    await Promise.all(Object.values(opened).map((pool) => pool.end()));
  };
  return { ...created, pools: opened, close };
}
