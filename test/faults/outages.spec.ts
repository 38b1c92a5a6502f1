import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { EmbeddedPostgres } from '../../scripts/embedded-postgres/index.mjs';
import { ask } from './support/side-tables.mjs';
import { eventually } from './support/wait.mjs';
import { World } from './support/world.js';
import type { Worker } from './support/worker.mjs';

/** The application's own pool, as a careful application sets it: pg waits for ever by default. */
const APP_POOL = { extra: { max: 10, connectionTimeoutMillis: 3000, query_timeout: 5000 } };
const KINDS = { work: { workerCount: 10 }, other: { workerCount: 5 } };

/** Lines that the queue wrote in this time. */
const linesOf = (worker: Worker, from: number, to: number) =>
  worker.lines.filter(({ at, text }) => at >= from && at <= to && text.includes('PgQueue'));

describe('outages of the database', () => {
  let server: EmbeddedPostgres;
  let world: World;
  let count = 0;

  beforeAll(async () => {
    server = await EmbeddedPostgres.start({ max_connections: 60 });
  });
  beforeEach(async () => {
    world = await World.create(server, `outages_${++count}`);
  });
  afterEach(() => world.close());
  afterAll(() => server.stop());

  const startTwo = (overrides = {}) =>
    Promise.all([1, 2].map(() => world.worker({ kinds: KINDS, typeorm: APP_POOL, ...overrides })));

  /** When the first task started that was started after `since`, in ms after it. */
  async function resumedAfter(since: Date, kind: number): Promise<number> {
    const first = await eventually(
      async () =>
        (
          await world.producer.rows(
            'SELECT min(at) AS at FROM starts JOIN pushed USING (task_id) WHERE at > $1 AND kind = $2',
            [since, kind],
          )
        )[0].at as Date | null,
      60_000,
      () =>
        `tasks of kind ${kind} run again:\n${world
          .workers()
          .map((worker) => worker.output.slice(-2000))
          .join('\n')}`,
    );
    return first.getTime() - since.getTime();
  }

  it('H12: processing goes on within 10 s of an immediate restart of PostgreSQL, and says little', async () => {
    const workers = await startTwo();
    const stopPushing = world.keepPushing();
    await eventually(async () => (await world.producer.rows('SELECT FROM effects')).length > 50);
    const downAt = Date.now();
    await server.down('immediate');
    await new Promise((resolve) => setTimeout(resolve, 3000));
    await server.up();
    const upAt = new Date();
    expect(await resumedAfter(upAt, 1)).toBeLessThan(10_000);
    expect(await resumedAfter(upAt, 2)).toBeLessThan(10_000);
    const seconds = (Date.now() - downAt) / 1000;
    for (const worker of workers) {
      expect(linesOf(worker, downAt, Date.now()).length).toBeLessThan(10 + 2 * seconds);
    }
    await stopPushing();
    await world.done();
    world.expectAlive();
    await world.expectSound();
  });

  for (const [what, seconds, revive] of [
    ['that comes back', 10, true],
    ['whose connections are forgotten', 20, false],
  ] as const) {
    it(`H14: a network ${what} after ${seconds} s of silence: health goes down, and processing goes on`, async () => {
      const [worker] = await startTwo();
      const stopPushing = world.keepPushing();
      await eventually(async () => (await world.producer.rows('SELECT FROM effects')).length > 50);
      expect(await worker!.ask('health')).toMatchObject({ status: 'up' });
      world.proxy.blackhole();
      const silentAt = Date.now();
      await eventually(
        async () => (await worker!.ask('health')).status === 'down',
        13_000,
        'health goes down while nothing is heard',
      );
      await new Promise((resolve) => setTimeout(resolve, silentAt + seconds * 1000 - Date.now()));
      world.proxy.heal({ revive });
      const healedAt = new Date();
      expect(await resumedAfter(healedAt, 1)).toBeLessThan(15_000);
      expect(await resumedAfter(healedAt, 2)).toBeLessThan(15_000);
      await eventually(
        async () => (await worker!.ask('health')).status === 'up',
        15_000,
        'health is up again',
      );
      await stopPushing();
      await world.done(60_000);
      await world.expectSound();
    });
  }

  it('H15: a server that turns read-only under open connections: not ready, no attempt used, and on again by itself', async () => {
    const workers = await startTwo();
    const [worker] = workers;
    const running = await world.producer.pushMany(10, { do: 'quiet', ms: 12_000 });
    await eventually(
      () => workers.reduce((sum, each) => sum + each.of('start').length, 0) === 10,
      15_000,
      'ten handlers run',
    );
    const later = await world.producer.pushWith(
      { delay: '2s' },
      Array.from({ length: 20 }, () => ({ do: 'completes' })),
    );
    await ask(world.url, 'ALTER SYSTEM SET default_transaction_read_only = on');
    await ask(world.url, 'SELECT pg_reload_conf()');
    await eventually(async () => (await worker!.ask('health')).status === 'down', 12_000, 'health goes down');
    // What a simple probe asks works all the time.
    await worker!.ask('ping');
    expect((await worker!.ask('health')).error).toContain('read-only');
    await new Promise((resolve) => setTimeout(resolve, 3000));
    await ask(world.url, 'ALTER SYSTEM RESET default_transaction_read_only');
    await ask(world.url, 'SELECT pg_reload_conf()');
    const [{ now }] = await world.producer.rows('SELECT clock_timestamp() AS now');
    await eventually(async () => (await worker!.ask('health')).status === 'up', 10_000, 'health is up again');
    await world.done();
    const rows = await world.producer.rows(
      'SELECT status, attempts_elapsed FROM pgqueue WHERE id = ANY ($1)',
      [[...running, ...later]],
    );
    expect(rows).toEqual(Array.from({ length: 30 }, () => ({ status: 'succeeded', attempts_elapsed: 1 })));
    const [{ first }] = await world.producer.rows(
      'SELECT min(at) AS first FROM starts WHERE task_id = ANY ($1)',
      [later],
    );
    expect(first - now).toBeLessThan(10_000);
    expect(workers.flatMap((each) => each.of('lease-lost'))).toEqual([]);
    await world.expectSound();
  });

  it('a server without a free connection (53300): the queue keeps trying, and goes on when there is one', async () => {
    const worker = await world.worker({ kinds: KINDS, typeorm: APP_POOL });
    await world.producer.push({ do: 'quiet' });
    await world.done();
    const name = new URL(world.url).pathname.slice(1);
    const taken: pg.Client[] = [];
    const takeAll = async () => {
      for (;;) {
        const client = new pg.Client({ connectionString: server.url });
        client.on('error', () => undefined);
        try {
          await client.connect();
        } catch {
          return;
        }
        taken.push(client);
      }
    };
    await takeAll();
    await eventually(
      async () => {
        // Takes what the worker loses, if it does not get it back first.
        await taken[0]!.query(
          'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()',
          [name],
        );
        await takeAll();
        return worker.of('connection-failed', ({ error }) => error.includes('53300')).length > 0;
      },
      15_000,
      'the worker is refused',
      200,
    );
    await Promise.all(taken.map((client) => client.end()));
    await eventually(() => world.producer.push({ do: 'quiet' }), 15_000, 'a producer connects again');
    await world.done(10_000);
    world.expectAlive();
    expect(await world.expectSound()).toMatchObject({ tasks: 2, succeeded: 2 });
  });
});

describe('H13: the database is down when an application starts', () => {
  let server: EmbeddedPostgres;
  let world: World;

  beforeAll(async () => {
    server = await EmbeddedPostgres.start();
    world = await World.create(server, 'boot');
    await world.producer.push({ do: 'ok' });
  });
  afterEach(() => server.up());
  afterAll(async () => {
    await world.close();
    await server.stop();
  });

  it('H13: it fails at once, and says why, when TypeORM may not retry', async () => {
    await server.down();
    await expect(
      world.worker({ url: world.url, kinds: KINDS, typeorm: { retryAttempts: 0 } }),
    ).rejects.toThrow('ECONNREFUSED');
    expect(world.workers()[0]!.exit).toMatchObject({ code: 1 });
  });

  it('H13: it waits as long as TypeORM may retry, and then works', async () => {
    await server.down();
    const starting = world.worker({
      url: world.url,
      kinds: KINDS,
      typeorm: { retryAttempts: 100, retryDelay: 200 },
    });
    await eventually(
      () => world.workers().at(-1)!.output.includes('Retrying (3)'),
      20_000,
      'TypeORM retries',
    );
    await server.up();
    const worker = await starting;
    await world.done();
    await eventually(() => worker.of('attempt-settled').length === 1, 5000, 'the worker tells of it');
    expect(worker.of('attempt-settled').map(({ as }) => as)).toEqual(['succeeded']);
    await worker.destroy();
  });

  it('H13: a start that failed can be repeated, and then really fetches', async () => {
    const worker = await world.worker({ url: world.url, kinds: KINDS, queue: { autoStart: false } });
    await server.down();
    await expect(worker.ask('start')).rejects.toThrow(/ECONNREFUSED|terminat/);
    await server.up();
    await worker.ask('start');
    await eventually(() => world.producer.push({ do: 'ok' }), 15_000, 'a producer connects again');
    await world.done();
    await world.expectSound();
  });
});
