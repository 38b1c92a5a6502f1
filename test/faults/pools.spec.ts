import type { QueryRunner } from 'typeorm';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { EmbeddedPostgres } from '../../scripts/embedded-postgres/index.mjs';
import { Kinds } from './support/kinds.mjs';
import { ask } from './support/side-tables.mjs';
import { eventually } from './support/wait.mjs';
import { World } from './support/world.js';

describe('connections and transactions', () => {
  let server: EmbeddedPostgres;
  let world: World;
  let count = 0;

  beforeAll(async () => {
    server = await EmbeddedPostgres.start({ max_connections: 200 });
  });
  beforeEach(async () => {
    world = await World.create(server, `pools_${++count}`);
  });
  afterEach(() => world.close());
  afterAll(() => server.stop());

  it('H11: every backend is terminated each second for 20 s during 5,000 tasks', async () => {
    const workers = await Promise.all(
      [1, 2].map(() =>
        world.worker({
          kinds: { work: { workerCount: 20 } },
          typeorm: { extra: { max: 10, connectionTimeoutMillis: 3000 } },
        }),
      ),
    );
    const ending = performance.now() + 20_000;
    const terminating = (async () => {
      while (performance.now() < ending) {
        await ask(
          server.url,
          'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()',
          [new URL(world.url).pathname.slice(1)],
        );
        await new Promise((resolve) => setTimeout(resolve, 1000));
      }
    })();
    while (world.producer.acknowledged.size < 5000 || performance.now() < ending) {
      await world.producer
        .push(...Array.from({ length: 25 }, (_, index) => ({ do: index % 2 ? 'ok' : 'completes', ms: 10 })))
        .catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await terminating;
    await world.done(60_000);
    world.expectAlive();
    const counts = await world.expectSound();
    expect(counts['tasks']).toBeGreaterThanOrEqual(5000);
    for (const worker of workers) {
      expect(worker.of('connection-failed').length).toBeGreaterThan(0);
      expect(worker.output).not.toMatch(/unhandled/i);
    }
    // Ten of the application, one that claims, one for the heartbeat, three that settle, one that listens.
    const [{ open, busy }] = await world.producer.rows(
      `SELECT count(*)::int AS open, count(*) FILTER (WHERE state = 'idle in transaction')::int AS busy
       FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`,
    );
    expect(open).toBeLessThanOrEqual(2 * 16 + 10);
    expect(busy).toBe(0);
  });

  it('H16: handlers that use up the application’s pool stop neither the heartbeat nor the claims', async () => {
    const worker = await world.worker({
      kinds: { work: { workerCount: 20 }, other: { workerCount: 5 } },
      typeorm: { extra: { max: 5, connectionTimeoutMillis: 1500 } },
    });
    // Another process that would take the tasks of one whose heartbeat stops.
    const witness = await world.worker({ kinds: { thrice: {} } });
    // Five hold all connections, and wait for a sixth.
    await world.producer.pushMany(40, { do: 'nests', ms: 200, times: 3 });
    const ending = performance.now() + 8000;
    const latencies: number[] = [];
    while (performance.now() < ending) {
      const seen = worker.of('start', ({ kind }) => kind === 2).length;
      const pushedAt = Date.now();
      await world.producer.push({ kind: 'other', do: 'quiet' });
      const started = await eventually(
        () => worker.of('start', ({ kind }) => kind === 2)[seen],
        5000,
        'it starts',
      );
      latencies.push(started.at - pushedAt);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await world.done(60_000);
    expect(Math.max(...latencies)).toBeLessThan(1000);
    expect([...worker.of('lease-lost'), ...witness.of('tasks-rescued')]).toEqual([]);
    const failed = worker.of('attempt-settled', ({ as }) => as === 'failed');
    expect(failed.length).toBeGreaterThan(10);
    expect(failed.every(({ error }) => /timeout/.test(error))).toBe(true);
    await world.expectSound();
  });

  it('a lock on the whole table, as a migration takes it, stops claims and nothing else', async () => {
    const [worker, other] = await Promise.all(
      [1, 2].map(() =>
        world.worker({
          kinds: { work: { workerCount: 5 } },
          queue: { leaseTimeout: '3s', heartbeatPeriod: '500ms', statementTimeout: '2s' },
        }),
      ),
    );
    await world.producer.pushMany(10, { do: 'quiet', ms: 1000 });
    await eventually(
      () => worker!.of('start').length + other!.of('start').length === 10,
      10_000,
      'ten handlers run',
    );
    await world.producer.pushMany(50, { do: 'ok' });
    await world.producer.dataSource.transaction(async (manager) => {
      await manager.query('LOCK TABLE pgqueue IN ACCESS EXCLUSIVE MODE');
      await new Promise((resolve) => setTimeout(resolve, 6000));
    });
    const unlockedAt = performance.now();
    await world.done();
    expect(performance.now() - unlockedAt).toBeLessThan(10_000);
    expect([worker!, other!].flatMap((each) => each.of('lease-lost'))).toEqual([]);
    const [{ most }] = await world.producer.rows('SELECT max(attempts_elapsed) AS most FROM pgqueue');
    expect(most).toBe(1);
    await world.expectSound();
  });

  it('H18: a push that commits after 30 s runs then and once, and one that rolls back never', async () => {
    const workers = await Promise.all([1, 2].map(() => world.worker({ kinds: { work: {}, other: {} } })));
    const stopPushing = world.keepPushing();
    const { queue, dataSource } = world.producer;
    const runners = [1, 2].map(() => dataSource.createQueryRunner()) as [QueryRunner, QueryRunner];
    const ids: string[] = [];
    for (const runner of runners) {
      await runner.startTransaction();
      const { id } = await queue.pushTask({ kind: Kinds.work, payload: { do: 'ok' } }, { manager: runner });
      await runner.query(
        "INSERT INTO pushed SELECT id, kind, attempts_left, 'ok' FROM pgqueue WHERE id = $1",
        [id],
      );
      ids.push(id!);
    }
    await new Promise((resolve) => setTimeout(resolve, 30_000));
    const [committed, undone] = runners;
    const [{ now }] = await committed.query('SELECT clock_timestamp() AS now');
    await committed.commitTransaction();
    await undone.rollbackTransaction();
    await Promise.all(runners.map((runner) => runner.release()));
    expect((await world.started(ids[0]!)).at.getTime()).toBeGreaterThanOrEqual(now.getTime());
    await stopPushing();
    await world.done();
    const starts = await world.producer.rows('SELECT task_id::text FROM starts WHERE task_id = ANY ($1)', [
      ids,
    ]);
    expect(starts).toEqual([{ task_id: ids[0] }]);
    // Not by the sweep, which looks for what was left behind.
    expect(workers.flatMap((worker) => worker.of('swept'))).toEqual([]);
    await world.expectSound();
  });

  it('H23: serializable producers meet no conflict with workers that claim what they push', async () => {
    await world.worker({ kinds: { work: { workerCount: 10 } } });
    const { kind, maxAttempts } = Kinds.work;
    const push = async () => {
      for (let round = 0; round < 50; round++) {
        await world.producer.dataSource.transaction('SERIALIZABLE', async (manager) => {
          const { id } = await world.producer.queue.pushTask(
            { kind: Kinds.work, payload: { do: 'quiet' } },
            { manager },
          );
          // Reads nothing of the table, which would conflict with what the other producers write beside it.
          await manager.query("INSERT INTO pushed VALUES ($1, $2, $3, 'quiet')", [id, kind, maxAttempts]);
        });
      }
    };
    await Promise.all([push(), push(), push(), push()]);
    await world.done();
    expect((await world.expectSound())['succeeded']).toBe(200);
  });

  it('H23: workers whose own transactions are serializable go on after conflicts', async () => {
    await world.producer.rows(
      `ALTER DATABASE "${new URL(world.url).pathname.slice(1)}" SET default_transaction_isolation = 'serializable'`,
    );
    // With a pooler in transaction mode the queue can't set its own isolation.
    const queue = { transactionPooling: true };
    await Promise.all([1, 2, 3].map(() => world.worker({ kinds: { work: { workerCount: 10 } }, queue })));
    for (let round = 0; round < 20; round++) {
      await world.producer.pushMany(50, { do: 'quiet' });
    }
    await world.done(60_000);
    expect((await world.expectSound())['succeeded']).toBe(1000);
    world.expectAlive();
  });
});
