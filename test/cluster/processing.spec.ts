import { afterEach, describe, expect, vi } from 'vitest';
import { noJitter, PgQueueHealthIndicator, type Task, type TaskDefinition } from '../../lib/index.js';
import { Proxy } from '../faults/support/proxy.mjs';
import { cutOff } from '../support/cut-off.js';
import { deferred, newKind, recordEvents, rejectionOf, until } from '../support/index.js';
import {
  createShardedApp,
  type ShardedApp,
  type ShardedAppOptions,
  shardsPerTest,
} from '../support/sharded-app.js';

const { it, databases } = shardsPerTest(['a', 'b'], {});

let app: ShardedApp;

afterEach(async () => {
  await Promise.all(restores.splice(0).map((restore) => restore()));
  await app.close();
});

describe('processing', () => {
  it('runs the tasks of every shard, each once, with ids that name their shards', async () => {
    await start();
    const kind = newKind({ workerCount: 10 });
    const ran: Task[] = [];
    app.queue.registerKind(kind, (task) => void ran.push(task));
    await app.queue.start();
    const pushed = [...(await push(kind, 'a', 50)), ...(await push(kind, 'b', 50))];
    await until(() => ran.length >= 100);
    expect(ran.map(({ id }) => id).toSorted()).toEqual(pushed.map(({ id }) => id!).toSorted());
    expect(ran.every(({ id, shard }) => id.startsWith(`${shard}/`))).toBe(true);
    const events = recordEvents(app.queue);
    const [last] = await push(kind, 'b', 1);
    expect(await events.first('attempt-settled', ({ id }) => id === last!.id)).toMatchObject({
      shard: 'b',
      as: 'succeeded',
    });
  });

  it('never uses more slots than there are, and gives each shard as many while both have tasks', async () => {
    await start();
    const kind = newKind({ workerCount: 4 });
    const bodies: { shard: string; end: () => void }[] = [];
    app.queue.registerKind(kind, async ({ payload }) => {
      const { promise, resolve } = deferred();
      bodies.push({ shard: payload.split('/')[0], end: resolve });
      await promise;
    });
    await push(kind, 'a', 40);
    await app.queue.start();
    await until(() => bodies.length === 4);
    expect(app.queue.slots()).toMatchObject([{ slots: 4, busy: 4 }]);
    const events = recordEvents(app.queue);
    await push(kind, 'b', 40);
    const running: string[][] = [];
    for (let ended = 0; ended < 40; ended++) {
      // Each slot that is given up is taken again: nobody holds one for tasks that are not there.
      bodies.splice(0, 1)[0]!.end();
      await until(() => bodies.length === 4);
      running.push(bodies.map(({ shard }) => shard).toSorted());
      expect(app.queue.slots()[0]!.busy).toBeLessThanOrEqual(4);
    }
    // At first all of them were of a; from the third end on, both have two.
    const settled = running.slice(8);
    expect(settled.filter((shards) => shards.join('') === 'aabb').length).toBeGreaterThan(
      settled.length * 0.7,
    );
    expect(events.of('attempt-settled').some(({ as }) => as === 'lost')).toBe(false);
    bodies.forEach(({ end }) => end());
  });

  it('serves both shards by one slot', async () => {
    await start();
    const kind = newKind();
    const ran: string[] = [];
    app.queue.registerKind(kind, ({ payload }) => void ran.push(payload.split('/')[0]));
    await push(kind, 'a', 3000);
    await app.queue.start();
    await until(() => ran.length > 50);
    await push(kind, 'b', 20);
    const before = ran.length;
    await until(() => ran.filter((shard) => shard === 'b').length === 20);
    // Long before the end of the others, which were there first.
    expect(ran.slice(before).filter((shard) => shard === 'a').length).toBeLessThan(1000);
  });

  it('lets a handler complete its task in a transaction of its shard, and of no other', async () => {
    await start();
    const kind = newKind({ backoff: noJitter('1h') });
    const errors: unknown[] = [];
    const done = deferred<string>();
    app.queue.registerKind(kind, async (task) => {
      errors.push(await rejectionOf(app.dataSource('a').transaction((manager) => task.completeIn(manager))));
      await app.dataSource('b').transaction((manager) => task.completeIn(manager));
      done.resolve(task.id);
    });
    await app.queue.start();
    const [pushed] = await push(kind, 'b', 1);
    expect(await done.promise).toBe(pushed!.id);
    expect(errors).toMatchObject([{ code: 'PGQUEUE_INVALID_MANAGER' }]);
  });
});

describe('a shard that is down', () => {
  it('delays only its own tasks, degrades health, and is taken up again by itself', async () => {
    await start();
    const kind = newKind({ workerCount: 4 });
    const ran: string[] = [];
    app.queue.registerKind(kind, ({ payload }) => void ran.push(payload));
    await app.queue.start();
    await push(kind, 'b', 1);
    await until(() => ran.length === 1);
    expect(await health()).toMatchObject({
      status: 'up',
      shards: { a: { status: 'up' }, b: { status: 'up' } },
    });
    const events = recordEvents(app.queue);
    const restore = await cutOffShard('b');
    await events.first('connection-failed', ({ shard, role }) => shard === 'b' && role === 'claim');
    await push(kind, 'a', 100);
    await until(() => ran.length === 101);
    const down = await until(async () => {
      const answer = await health();
      return answer['reason']?.includes('no claim has succeeded') && answer;
    }, 20_000);
    expect(down).toMatchObject({ status: 'up', shards: { a: { status: 'up' }, b: { status: 'down' } } });
    expect(down['reason']).toMatch(/^shard b: no claim has succeeded/);
    await restore();
    await push(kind, 'b', 10);
    await until(() => ran.length === 111);
    await until(async () => !(await health())['degraded']);
    expect(events.of('connection-failed').every(({ shard }) => shard === 'b')).toBe(true);
  });

  it('makes the process unhealthy only when it was the last', async () => {
    await start();
    app.queue.registerKind(newKind(), () => undefined);
    await app.queue.start();
    await cutOffShard('a');
    await cutOffShard('b');
    expect(await until(async () => (await health())['status'] === 'down', 20_000)).toBe(true);
  });

  it('does not keep slots from the others while it hangs', async () => {
    const proxy = await Proxy.start(Number(new URL(databases.b.url).port));
    restores.push(() => proxy.close());
    await start({ urls: { b: proxy.through(databases.b.url) } });
    const kind = newKind({ workerCount: 1 });
    const ran: string[] = [];
    app.queue.registerKind(kind, ({ payload }) => void ran.push(payload));
    await app.queue.start();
    await push(kind, 'b', 1);
    await until(() => ran.length === 1);
    proxy.blackhole();
    const startedAt = performance.now();
    await push(kind, 'a', 200);
    await until(() => ran.length === 201);
    // A claim that hangs is given up after ten seconds; these did not wait for that.
    expect(performance.now() - startedAt).toBeLessThan(8000);
    proxy.heal();
  });

  it('does not keep the application from starting, and is served once it is there', async () => {
    await start();
    await app.close();
    const restore = await cutOffShard('b');
    await start({ typeorm: { manualInitialization: true, migrationsRun: false } });
    const kind = newKind();
    const ran: string[] = [];
    app.queue.registerKind(kind, ({ payload }) => void ran.push(payload));
    await app.queue.start();
    await push(kind, 'a', 1);
    await until(() => ran.length === 1);
    const events = recordEvents(app.queue);
    await events.first('connection-failed', ({ shard }) => shard === 'b');
    await restore();
    await events.first('connection-restored', ({ shard }) => shard === 'b', 20_000);
    await push(kind, 'b', 1);
    await until(() => ran.length === 2);
    expect(ran).toEqual(['a/0', 'b/0']);
  });

  it('leaves no connection open that comes after the application has ended', async () => {
    await start();
    await app.close();
    const proxy = await Proxy.start(Number(new URL(databases.b.url).port));
    restores.push(() => proxy.close());
    proxy.blackhole();
    await start({
      urls: { b: proxy.through(databases.b.url) },
      typeorm: { manualInitialization: true, migrationsRun: false },
    });
    app.queue.registerKind(newKind(), () => undefined);
    await app.queue.start();
    const late = app.dataSource('b');
    await app.close();
    const destroyed = vi.spyOn(late, 'destroy');
    proxy.heal();
    await until(() => destroyed.mock.settledResults[0]?.type === 'fulfilled' && proxy.connections === 0);
    expect(late.isInitialized).toBe(false);
    await start();
  });

  it('keeps it from starting when it was the last, or has other tables', async () => {
    await start();
    app.queue.registerKind(newKind(), () => undefined);
    await app.dataSource('b').query('ALTER TABLE pgqueue RENAME TO other');
    expect(await rejectionOf(app.queue.start())).toMatchObject({ code: 'PGQUEUE_SCHEMA_MISMATCH' });
  });
});

async function start(given: Partial<ShardedAppOptions> = {}): Promise<void> {
  app = await createShardedApp({
    databases,
    ...given,
    options: { autoStart: false, shutdownTimeout: 100, ...given.options },
  });
}

async function cutOffShard(shard: 'a' | 'b'): Promise<() => Promise<void>> {
  const restore = await cutOff(databases[shard]);
  let restored: Promise<void> | undefined;
  const once = () => (restored ??= restore());
  restores.push(once);
  return once;
}

const push = (kind: TaskDefinition<any>, shard: string, count: number) =>
  app.queue.pushTasks(
    Array.from({ length: count }, (_, n) => ({ kind, payload: `${shard}/${n}` })),
    { shardKey: `${shard}/0` },
  );

const health = async (): Promise<Record<string, any>> =>
  (await app.get(PgQueueHealthIndicator).isHealthy()).pgqueue;

const restores: (() => Promise<void>)[] = [];
