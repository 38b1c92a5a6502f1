import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { EmbeddedPostgres } from '../../scripts/embedded-postgres/index.mjs';
import type { ToPush } from './support/producer.mjs';
import { eventually } from './support/wait.mjs';
import type { WorkerConfig } from './support/worker-app.mjs';
import type { Worker } from './support/worker.mjs';
import { World } from './support/world.js';

/** The server does not notice that a silent connection's process has died, so that its lease must run out. */
const SILENT = { leaseTimeout: '4s' };

/** Sends the signal and waits. @returns how many ms it took to end */
async function terminate(worker: Worker): Promise<number> {
  const at = Date.now();
  worker.terminate();
  const exit = await worker.ended(60_000);
  // Nest ends the process by the signal itself when all hooks are done.
  expect([exit.code, exit.signal]).toEqual([null, 'SIGTERM']);
  return exit.at - at;
}

describe('H33: SIGTERM', () => {
  let server: EmbeddedPostgres;
  let world: World;
  let count = 0;

  beforeAll(async () => {
    server = await EmbeddedPostgres.start({ max_connections: 200 });
  });
  beforeEach(async () => {
    world = await World.create(server, `shutdown_${++count}`);
  });
  afterEach(async () => {
    await world.close();
    await server.up();
  });
  afterAll(() => server.stop());

  /** A worker of five slots that runs five of these tasks. */
  async function busy(task: ToPush, shutdownTimeout: string, config: Partial<WorkerConfig> = {}) {
    const worker = await world.worker({
      kinds: { work: { workerCount: 5 } },
      ...config,
      queue: { shutdownTimeout, ...config.queue },
    });
    const ids = await world.producer.pushMany(5, task);
    await eventually(() => worker.of('start').length === 5, 15_000, 'five handlers run');
    return { worker, ids };
  }

  const rows = () =>
    world.producer.rows('SELECT status, lease_id, attempts_elapsed, messages FROM pgqueue ORDER BY id');
  const leases = () => world.producer.rows('SELECT FROM pgqueue_lease');

  it('H33: lets handlers finish and push what follows, starts nothing, and takes less than it may', async () => {
    const { worker } = await busy({ do: 'follows', ms: 2000 }, '10s');
    await world.producer.pushMany(50, { do: 'ok' });
    expect(await terminate(worker)).toBeLessThan(6000);
    expect(worker.of('start')).toHaveLength(5);
    expect(worker.of('attempt-settled').map(({ as }) => as)).toEqual(Array(5).fill('succeeded'));
    expect(worker.of('stopped')).toMatchObject([{ released: 0 }]);
    expect(worker.output).not.toContain('ERROR');
    expect(await leases()).toEqual([]);
    expect(await world.producer.rows("SELECT FROM pgqueue WHERE status = 'new'")).toHaveLength(55);
    await world.worker({ kinds: { work: {} } });
    await world.done();
    await world.expectSound();
  });

  it('H33: gives back what heeds its signal, and what never ends, without using the attempt', async () => {
    const { worker, ids } = await busy({ do: 'heed', ms: 60_000, key: undefined }, '1s', {
      kinds: { work: { workerCount: 5 }, other: { workerCount: 2 } },
    });
    await world.producer.push({ kind: 'other', do: 'hang', key: 'hangs' });
    await eventually(() => worker.of('start').length === 6, 15_000, 'the sixth runs');
    // 1 s of grace, 0.5 s to heed the signal, and what closing takes.
    expect(await terminate(worker)).toBeLessThan(1000 + 2000);
    expect(worker.of('aborted').map(({ reason }) => reason)).toEqual(Array(6).fill('ShutdownError'));
    expect(worker.of('stopped')).toMatchObject([{ released: 6 }]);
    expect(await rows()).toEqual(
      [...ids, 'hangs'].map(() => ({
        status: 'must_retry',
        lease_id: null,
        attempts_elapsed: 0,
        messages: null,
      })),
    );
    expect(await leases()).toEqual([]);
  });

  it('H33: is bounded while PostgreSQL is down; what ran is rescued when it is there again', async () => {
    const { worker } = await busy({ do: 'quiet', ms: 1000 }, '3s');
    await server.down();
    expect(await terminate(worker)).toBeLessThan(3000 + 2000);
    await server.up();
    await world.worker({ kinds: { work: {} } });
    await world.done();
    expect((await rows()).map((row) => `${row.status} ${row.attempts_elapsed}`)).toEqual(
      Array(5).fill('succeeded 2'),
    );
    await world.expectSound();
  });

  it('H33: is bounded while PostgreSQL is silent', async () => {
    const { worker } = await busy({ do: 'quiet', ms: 1000 }, '3s', { queue: SILENT });
    world.proxy.blackhole();
    expect(await terminate(worker)).toBeLessThan(3000 + 2000);
    world.proxy.heal({ revive: false });
    await world.worker({ kinds: { work: {} }, queue: SILENT });
    await world.done();
    await world.expectSound();
  });

  it('H33: is bounded while PostgreSQL is silent under the handlers’ own queries', async () => {
    const { worker } = await busy({ do: 'ok', ms: 1000 }, '3s', {
      queue: SILENT,
      typeorm: { extra: { connectionTimeoutMillis: 1000, query_timeout: 1500 } },
    });
    world.proxy.blackhole();
    expect(await terminate(worker)).toBeLessThan(3000 + 2000);
    world.proxy.heal({ revive: false });
    await world.worker({ kinds: { work: {} }, queue: SILENT });
    await world.done();
    await world.expectSound();
  });

  it('H33: a second signal changes nothing', async () => {
    const { worker } = await busy({ do: 'ok', ms: 2000 }, '10s');
    worker.terminate();
    await new Promise((resolve) => setTimeout(resolve, 500));
    await terminate(worker);
    await world.done(1000);
    expect((await rows()).map((row) => `${row.status} ${row.attempts_elapsed}`)).toEqual(
      Array(5).fill('succeeded 1'),
    );
    await world.expectSound();
  });

  it('H33: without shutdown hooks there is a warning, and what ran is rescued', async () => {
    const { worker } = await busy({ do: 'heed', ms: 60_000, times: 1 }, '10s', { shutdownHooks: false });
    await eventually(() => worker.output.includes('enableShutdownHooks'), 10_000, 'the warning is there');
    expect(await terminate(worker)).toBeLessThan(2000);
    await world.worker({ kinds: { work: {} } });
    await world.done();
    expect((await rows()).map((row) => `${row.status} ${row.attempts_elapsed}`)).toEqual(
      Array(5).fill('succeeded 2'),
    );
    await world.expectSound();
  });
});
