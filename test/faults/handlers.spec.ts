import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { EmbeddedPostgres } from '../../scripts/embedded-postgres/index.mjs';
import { eventually } from './support/wait.mjs';
import { World } from './support/world.js';

/** The 99th percentile. */
const p99 = (values: number[]) => values.toSorted((a, b) => a - b)[Math.ceil(values.length * 0.99) - 1]!;

describe('handlers that misbehave', () => {
  let server: EmbeddedPostgres;
  let world: World;
  let count = 0;

  beforeAll(async () => {
    server = await EmbeddedPostgres.start();
  });
  beforeEach(async () => {
    world = await World.create(server, `handlers_${++count}`);
  });
  afterEach(() => world.close());
  afterAll(() => server.stop());

  it('H26: a transaction that fails at its commit has not settled the task', async () => {
    await world.worker({ kinds: { work: { workerCount: 5 } } });
    const ids = await world.producer.pushMany(10, { do: 'completesInVain', times: 1 });
    await world.done();
    for (const id of ids) {
      expect(await world.producer.task(id)).toMatchObject({
        status: 'succeeded',
        attempts_elapsed: 2,
        messages: [expect.stringContaining('effects_guard_fkey')],
      });
    }
    expect(await world.producer.rows("SELECT FROM effects WHERE outcome = 'completed'")).toEqual([]);
    await world.expectSound();
  });

  it('H42: a kind whose handlers hang, and a kind with a backlog, do not delay another', async () => {
    const worker = await world.worker({
      kinds: {
        work: { workerCount: 5, attemptTimeout: '1s', backoffMs: 60_000 },
        fleeting: { workerCount: 5 },
        other: { workerCount: 5 },
      },
    });
    const latencies = async () => {
      const found: number[] = [];
      for (let round = 0; round < 100; round++) {
        const seen = worker.of('start', ({ kind }) => kind === 2).length;
        const pushedAt = Date.now();
        await world.producer.push({ kind: 'other', do: 'quiet' });
        const started = await eventually(
          () => worker.of('start', ({ kind }) => kind === 2)[seen],
          10_000,
          'it starts',
          5,
        );
        found.push(started.at - pushedAt);
      }
      return found;
    };
    const alone = p99(await latencies());
    await world.producer.pushMany(30, { do: 'hang', key: undefined });
    await world.producer.pushMany(3000, { kind: 'fleeting', do: 'quiet', ms: 20 });
    await eventually(() => worker.of('handler-abandoned').length >= 5, 15_000, 'handlers hang');
    expect(p99(await latencies())).toBeLessThan(Math.max(250, alone * 3));
    expect(
      worker.of('attempt-settled', ({ kind, as }) => kind === 1 && as === 'failed').length,
    ).toBeGreaterThan(5);
  });

  it('H5: a task that is cancelled by key while its last attempt runs stays cancelled, and runs no second time', async () => {
    const worker = await world.worker({ kinds: { once: { workerCount: 1 }, work: { workerCount: 1 } } });
    const [last, first] = await world.producer.push(
      { kind: 'once', do: 'heed', ms: 60_000, key: 'last' },
      { do: 'ok', ms: 1500, key: 'first' },
    );
    await Promise.all([world.started(last!), world.started(first!)]);
    expect(await world.producer.queue.retryTasks(5, { attempts: 1 }).catch(() => 'not registered here')).toBe(
      'not registered here',
    );
    expect(await world.producer.cancel('once', 'last')).toBe(true);
    expect(await world.producer.cancel('work', 'first')).toBe(true);
    await eventually(() => worker.of('attempt-settled').length === 2, 10_000, 'both have ended');
    expect(worker.of('attempt-settled').map(({ as }) => as)).toEqual(['lost', 'lost']);
    expect(worker.of('aborted').map(({ reason }) => reason)).toEqual(Array(2).fill('TaskCancelledError'));
    for (const id of [last!, first!]) {
      expect(await world.producer.task(id)).toMatchObject({ status: 'cancelled', lease_id: null });
    }
    await world.expectSound();
    expect(await world.producer.rows('SELECT FROM starts')).toHaveLength(2);
  });

  it('H6: handlers that ignore their time-out do not stop the good ones, and overlap no retry', async () => {
    const worker = await world.worker({
      kinds: { work: { workerCount: 2, attemptTimeout: '500ms', backoffMs: 100 } },
    });
    const bad = await world.producer.pushMany(4, { do: 'ok', ms: 3000, times: 1 });
    const good = await world.producer.pushMany(10, { do: 'ok' });
    await world.done(60_000);
    for (const id of [...bad, ...good]) {
      expect(await world.producer.task(id)).toMatchObject({ status: 'succeeded' });
    }
    expect(worker.of('handler-abandoned')).toHaveLength(4);
    // The first body of each had ended before the second began: 3 s after it started.
    const gaps = await world.producer.rows(
      `SELECT extract(epoch FROM b.at - a.at)::float AS seconds FROM starts a JOIN starts b USING (task_id)
       WHERE a.attempt = 1 AND b.attempt = 2`,
    );
    expect(gaps).toHaveLength(4);
    expect(Math.min(...gaps.map(({ seconds }) => seconds))).toBeGreaterThanOrEqual(2.9);
    world.expectAlive();
  });
});

describe('H32: start and stop', () => {
  let server: EmbeddedPostgres;
  let world: World;

  beforeAll(async () => {
    server = await EmbeddedPostgres.start();
    world = await World.create(server, 'start_stop');
  });
  afterAll(async () => {
    await world.close();
    await server.stop();
  });

  it('H32: any order of calls leaves one consumer or none, and a process that ends by itself', async () => {
    const worker = await world.worker({
      kinds: { work: { workerCount: 3 } },
      queue: { autoStart: false },
      endsWhenIdle: true,
    });
    await worker.ask('stop');
    await Promise.all([worker.ask('start'), worker.ask('start'), worker.ask('stop'), worker.ask('start')]);
    await world.producer.pushMany(30, { do: 'ok', ms: 50 });
    await world.done();
    expect((await worker.ask('concurrency')).maxActive).toBeLessThanOrEqual(3);
    expect(await world.producer.rows('SELECT FROM pgqueue_lease')).toHaveLength(1);
    await Promise.all([worker.ask('stop'), worker.ask('stop')]);
    expect(await world.producer.rows('SELECT FROM pgqueue_lease')).toHaveLength(0);
    // Stopped in the middle of the first claim.
    await Promise.all([worker.ask('start'), worker.ask('stop')]);
    await world.producer.push({ do: 'ok' });
    await worker.ask('start');
    await world.done();
    await worker.ask('close');
    expect(await worker.ended(5000)).toMatchObject({ code: 0, signal: null });
    await world.expectSound();
  });
});
