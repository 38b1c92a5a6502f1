import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { EmbeddedPostgres } from '../../scripts/embedded-postgres/index.mjs';
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
    server = await EmbeddedPostgres.start({ max_connections: 200 });
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
    expect(workers.map(({ exit }) => exit)).toEqual([undefined, undefined]);
    await world.expectSound();
  });

  for (const [what, revive] of [
    ['that comes back', true],
    ['whose connections are forgotten', false],
  ] as const) {
    it(`H14: a network ${what} after 15 s of silence: health goes down, and processing goes on`, async () => {
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
      await new Promise((resolve) => setTimeout(resolve, silentAt + 15_000 - Date.now()));
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
});
