import { Logger } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { getDataSourceToken } from '@nestjs/typeorm';
import { cutOff } from '../support/cut-off.js';
import { ADAPTERS, createDashboardApp, type DashboardApp } from '../support/dashboard-app.js';
import { newKind } from '../support/index.js';
import {
  createShardDatabases,
  dropShardDatabases,
  type ShardDatabases,
  shardedQueue,
} from '../support/sharded-app.js';

describe.each(ADAPTERS)('over several shards, with %s', (adapter) => {
  let databases: ShardDatabases<'a' | 'b'>;
  let dashboard: DashboardApp;

  beforeAll(async () => {
    databases = await createShardDatabases('a', 'b');
    const options = { autoStart: false };
    dashboard = await createDashboardApp({
      queue: shardedQueue({ databases, options, shards: { draining: ['b'] } }),
      adapter,
    });
  });

  afterEach(async () => {
    for (const shard of ['a', 'b']) await sql(shard, 'TRUNCATE pgqueue, pgqueue_pause');
  });

  afterAll(async () => {
    await dashboard.close();
    await dropShardDatabases(databases);
  });

  const sql = (shard: string, statement: string) =>
    dashboard.app.get(getDataSourceToken(shard)).query(statement);

  async function store(shard: string): Promise<string> {
    const [{ id }] = await sql(
      shard,
      `INSERT INTO pgqueue (kind, payload) VALUES (${kind}, '{}') RETURNING id`,
    );
    return `${shard}/${id}`;
  }

  it('shows all together, and each by itself', async () => {
    await store('a');
    await store('b');
    await store('b');
    expect((await dashboard.json('session')).shards).toEqual(['a', 'b']);
    const { kinds, shards } = await dashboard.json('overview');
    expect(kinds).toMatchObject([{ kind, statuses: { new: { count: 3 } } }]);
    expect(shards).toMatchObject([
      { name: 'a', problem: null, draining: false, ageMs: 0, statuses: { new: { count: 1 } } },
      {
        name: 'b',
        problem: null,
        draining: true,
        statuses: { new: { count: 2 } },
        oldestDueAt: expect.any(String),
      },
    ]);
  });

  it('finds tasks by the shard and by ids with a slash, encoded or not', async () => {
    const [inA, inB] = [await store('a'), await store('b')];
    expect((await dashboard.json('tasks?shard=b')).tasks).toMatchObject([{ id: inB, shard: 'b' }]);
    expect((await dashboard.json(`tasks?id=${encodeURIComponent(`${inA},${inB}`)}`)).tasks).toHaveLength(2);
    for (const path of [encodeURIComponent(inB), inB]) {
      expect(await dashboard.json(`tasks/${path}`)).toMatchObject({
        task: { id: inB, shard: 'b' },
        explanation: { reason: 'no-worker' },
      });
    }
    for (const [path, status] of [
      ['tasks/b%2F404', 404],
      ['tasks/c%2F1', 400],
      ['tasks?shard=c', 400],
    ] as const) {
      expect([path, (await dashboard.get(`/pgqueue/api/${path}`)).status]).toEqual([path, status]);
    }
    // Express leaves what is encoded wrongly to the dashboard, Fastify does not.
    const malformed = await dashboard.get('/pgqueue/api/tasks/%E0%A4%A');
    expect(malformed.status).toBe(adapter === 'express' ? 404 : 400);
    expect(await (await dashboard.post('tasks/cancel', { filter: { id: inB } })).json()).toEqual({
      changed: 1,
      more: false,
    });
  });

  it('tells the log once why a shard is missing, and visitors only that it is', async () => {
    await sql('b', 'ALTER TABLE pgqueue_lease RENAME COLUMN worker TO workman');
    const warned = vi.spyOn(Logger.prototype, 'warn').mockReturnValue();
    try {
      for (let asked = 0; asked < 2; asked++) {
        const { missing } = await dashboard.json('workers');
        expect(missing).toEqual([{ shard: 'b', message: expect.stringMatching(/^The queue's tables are /) }]);
      }
      const lines = warned.mock.calls.map(([line]) => String(line));
      expect(lines.filter((line) => line.startsWith('shard b: '))).toEqual([
        expect.stringContaining('column l.worker does not exist'),
      ]);
    } finally {
      warned.mockRestore();
      await sql('b', 'ALTER TABLE pgqueue_lease RENAME COLUMN workman TO worker');
    }
  });

  it('shows what the others have while one is down, and which it is', async () => {
    const [inA, inB] = [await store('a'), await store('b')];
    const restore = await cutOff(databases.b);
    try {
      const { kinds, shards } = await dashboard.json('overview');
      expect(kinds).toMatchObject([{ statuses: { new: { count: 1 } } }]);
      expect(shards).toMatchObject([{ problem: null }, { name: 'b', problem: AWAY.message }]);
      expect(await dashboard.json('tasks')).toMatchObject({ tasks: [{ id: inA }], missing: [AWAY] });
      expect(await dashboard.json('workers')).toEqual({ workers: [], missing: [AWAY] });
      expect((await dashboard.get(`/pgqueue/api/tasks/${encodeURIComponent(inB)}`)).status).toBe(503);
      const acted = await dashboard.post('tasks/cancel', { filter: { kind: String(kind) } });
      expect(await acted.json()).toEqual({ changed: 1, more: false, missing: [AWAY] });
      const paused = await dashboard.post(`kinds/${kind}/pause`);
      expect(await paused.json()).toEqual({ changed: true, missing: [AWAY] });
    } finally {
      await restore();
    }
  });
});

const definition = newKind({ name: 'work' });
const { kind } = definition;

const AWAY = { shard: 'b', message: 'The database does not answer' };
