import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { EmbeddedPostgres } from '../../scripts/embedded-postgres/index.mjs';
import { Fleet } from './support/fleet.mjs';
import { eventually } from './support/wait.mjs';
import { World } from './support/world.js';

const LEASE = { leaseTimeout: '2s', heartbeatPeriod: '200ms' };

describe('crashes of worker processes', () => {
  let server: EmbeddedPostgres;
  let world: World;
  let fleet: Fleet;
  let count = 0;

  beforeAll(async () => {
    server = await EmbeddedPostgres.start({ max_connections: 200 });
  });
  beforeEach(async () => {
    world = await World.create(server, `crashes_${++count}`);
  });
  afterEach(async () => {
    await fleet.close();
    await world.close();
  });
  afterAll(() => server.stop());

  /** Worker processes that are started again whenever they die. */
  async function startFleet(size: number, kinds: Fleet['config']['kinds']): Promise<void> {
    fleet = new Fleet(size, { url: world.url, kinds, queue: LEASE });
    world.workers = () => fleet.workers;
    await fleet.start();
  }

  it('H2: a task that kills its process is started maxAttempts times, and then says why it ended', async () => {
    await startFleet(2, { thrice: { workerCount: 1 }, once: { workerCount: 1 }, work: { workerCount: 5 } });
    // One after the other: a process that dies takes all with it that run there.
    const [once] = await world.producer.push({ kind: 'once', do: 'dies', ms: 50 });
    await world.started(once!);
    const [thrice] = await world.producer.push({ kind: 'thrice', do: 'dies', ms: 50 });
    let others = 0;
    const traffic = setInterval(() => {
      others++;
      void world.producer.push({ do: 'ok', ms: 5 });
    }, 100);
    try {
      await eventually(
        async () => (await world.producer.task(thrice!)).status === 'no_attempts_left',
        60_000,
        'the task runs out of attempts',
      );
    } finally {
      clearInterval(traffic);
    }
    await world.done();
    const starts = (id: string) => world.producer.rows('SELECT FROM starts WHERE task_id = $1', [id]);
    expect(await starts(thrice!)).toHaveLength(3);
    expect(await starts(once!)).toHaveLength(1);
    // Both may have been in one process once.
    expect(fleet.crashes).toBeGreaterThanOrEqual(3);
    expect(fleet.crashes).toBeLessThanOrEqual(4);
    const lost = /^worker process lost: .+/;
    expect((await world.producer.task(thrice!)).messages).toEqual(Array(3).fill(expect.stringMatching(lost)));
    expect(await world.producer.task(once!)).toMatchObject({
      status: 'no_attempts_left',
      messages: [expect.stringMatching(lost)],
    });
    const { succeeded } = await world.expectSound();
    expect(succeeded).toBe(others);
  });

  it('H2: a task that is about to kill its process again can be cancelled while it runs', async () => {
    await startFleet(1, { thrice: { workerCount: 1 } });
    const [id] = await world.producer.push({ kind: 'thrice', do: 'dies', ms: 1500, key: 'poison' });
    await world.started(id!, 1);
    await world.started(id!, 2);
    expect(await world.producer.cancel('thrice', 'poison')).toBe(true);
    await eventually(() => fleet.crashes === 2, 15_000, 'the cancelled attempt ends its process');
    expect(await world.producer.task(id!)).toMatchObject({ status: 'cancelled', lease_id: null });
    await world.expectSound();
    expect(await world.producer.rows('SELECT FROM starts')).toHaveLength(2);
  });

  it('H10: an error that nobody can catch ends its process, as in any Node application, and is a crash like another', async () => {
    await startFleet(2, { thrice: { workerCount: 1 }, work: { workerCount: 5 } });
    const [id] = await world.producer.push({ kind: 'thrice', do: 'throwsOutside', times: 1 });
    await world.producer.pushMany(20, { do: 'ok', ms: 50 });
    await world.done();
    expect(fleet.failures).toEqual([expect.stringContaining(`task ${id} throws outside of its handler`)]);
    expect(await world.producer.task(id!)).toMatchObject({
      status: 'succeeded',
      attempts_elapsed: 2,
      messages: [expect.stringMatching(/^worker process lost: /)],
    });
    await world.expectSound();
  });

  it('H3: 20 processes killed at random while 1,000 tasks run: none lost, none started more than once more for each kill', async () => {
    const slots = 10;
    await startFleet(4, { work: { workerCount: slots }, other: { workerCount: slots } });
    for (let chunk = 0; chunk < 20; chunk++) {
      await world.producer.push(
        ...Array.from({ length: 50 }, (_, index) => ({
          kind: index % 2 ? ('work' as const) : ('other' as const),
          do: index % 3 ? 'ok' : 'completes',
          ms: 50 + Math.random() * 500,
        })),
      );
    }
    for (let kills = 0; kills < 20; kills++) {
      await fleet.killOne();
      await new Promise((resolve) => setTimeout(resolve, 100 + Math.random() * 400));
    }
    await world.done(60_000);
    const counts = await world.expectSound();
    expect(counts).toMatchObject({ tasks: 1000, succeeded: 1000 });
    expect(counts['starts']).toBeLessThanOrEqual(1000 + 20 * slots * 2);
    const [{ most }] = await world.producer.rows(
      'SELECT max(n)::int AS most FROM (SELECT count(*) n FROM starts GROUP BY task_id) s',
    );
    expect(most).toBeGreaterThan(1);
  }, 240_000);
});
