import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { EmbeddedPostgres } from '../../scripts/embedded-postgres/index.mjs';
import { eventually } from './support/wait.mjs';
import type { ToPush } from './support/producer.mjs';
import { World } from './support/world.js';

const LEASE = { leaseTimeout: '2s', heartbeatPeriod: '200ms' };

describe('leases', () => {
  let server: EmbeddedPostgres;
  let world: World;
  let count = 0;

  beforeAll(async () => {
    server = await EmbeddedPostgres.start({ max_connections: 200 });
  });
  beforeEach(async () => {
    world = await World.create(server, `leases_${++count}`);
  });
  afterEach(() => world.close());
  afterAll(() => server.stop());

  /** A is halted past its lease while it runs five tasks, and B has them now. */
  async function zombie(task: ToPush) {
    const [a, b] = await Promise.all([
      world.worker({ kinds: { work: { workerCount: 5 } }, queue: LEASE }),
      world.worker({ kinds: { work: { workerCount: 0 } }, queue: LEASE }),
    ]);
    const ids = await world.producer.pushMany(5, task);
    await Promise.all(ids.map((id) => world.started(id)));
    a.halt();
    await b.ask('workers', { work: 5 });
    await Promise.all(ids.map((id) => world.started(id, 2)));
    return { a, b, ids };
  }

  it('H1: a zombie that finishes late changes nothing', async () => {
    const { a, b, ids } = await zombie({ do: 'effectFirst', ms: 1500 });
    await world.done();
    const before = await Promise.all(ids.map((id) => world.producer.task(id)));
    a.go();
    await eventually(() => a.of('attempt-settled').length === 5, 15_000, 'A has tried to settle');
    expect(a.of('attempt-settled').map(({ as }) => as)).toEqual(Array(5).fill('lost'));
    expect(a.of('lease-lost')).toHaveLength(1);
    expect(a.output).toContain('its lease was lost, its outcome was discarded');
    expect(b.of('attempt-settled').map(({ as }) => as)).toEqual(Array(5).fill('succeeded'));
    expect(await Promise.all(ids.map((id) => world.producer.task(id)))).toEqual(before);
    expect(before.map((row) => `${row.status} ${row.attempts_elapsed}`)).toEqual(
      Array(5).fill('succeeded 2'),
    );
    await world.expectSound();
  });

  it('H1: a zombie that fails after the other has succeeded resurrects nothing', async () => {
    const { a, ids } = await zombie({ do: 'throws', ms: 1500, times: 1 });
    await world.done();
    a.go();
    await eventually(() => a.of('attempt-settled').length === 5, 15_000, 'A has tried to settle');
    expect(a.of('attempt-settled').map(({ as }) => as)).toEqual(Array(5).fill('lost'));
    for (const id of ids) {
      expect(await world.producer.task(id)).toMatchObject({ status: 'succeeded', attempts_elapsed: 2 });
    }
    await world.expectSound();
  });

  it('H1: a zombie goes on under a new lease, within its slots, beside the bodies that it lost', async () => {
    const { a, b } = await zombie({ do: 'heed', ms: 60_000, times: 1, thenMs: 500 });
    await b.ask('workers', { work: 0 });
    a.go();
    await world.producer.pushMany(30, { do: 'ok', ms: 30 });
    await world.done();
    expect(a.of('lease-acquired')).toHaveLength(2);
    expect(a.of('aborted').map(({ reason }) => reason)).toEqual(Array(5).fill('LeaseLostError'));
    expect(a.of('attempt-settled', ({ as }) => as === 'succeeded').length).toBeGreaterThanOrEqual(25);
    expect((await a.ask('concurrency')).maxActive).toBeLessThanOrEqual(5);
    await world.expectSound();
  });

  it('H1: an effect that commits with its outcome is not written by a zombie', async () => {
    const { a, ids } = await zombie({ do: 'completes', ms: 1500 });
    await world.done();
    a.go();
    await eventually(() => a.of('attempt-settled').length === 5, 15_000, 'A has tried to settle');
    const effects = await world.producer.rows('SELECT attempt FROM effects');
    expect(effects).toEqual(ids.map(() => ({ attempt: 2 })));
    await world.expectSound();
  });

  it('H4: a process that starts again under the same name does not revive the claims of its former life', async () => {
    const config = { kinds: { work: {} }, queue: { ...LEASE, workerName: 'pod-0' } };
    const first = await world.worker(config);
    const ids = await world.producer.pushMany(10, { do: 'hang', times: 1 });
    await Promise.all(ids.map((id) => world.started(id)));
    await first.destroy();
    const second = await world.worker(config);
    await world.done();
    for (const id of ids) {
      expect((await world.started(id, 2)).pid).toBe(second.pid);
    }
    await world.expectSound();
  });
});
