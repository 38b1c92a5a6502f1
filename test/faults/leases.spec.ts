import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { EmbeddedPostgres } from '../../scripts/embedded-postgres/index.mjs';
import type { Worker } from './support/worker.mjs';
import { eventually } from './support/wait.mjs';
import { World } from './support/world.js';

const LEASE = { leaseTimeout: '2s', heartbeatPeriod: '200ms' };
const SLOTS = 6;

let server: EmbeddedPostgres;
let count = 0;

beforeAll(async () => {
  server = await EmbeddedPostgres.start({ max_connections: 100 });
});
afterAll(() => server.stop());

describe('H1: a process that is halted past its lease, and goes on when another has run its tasks', () => {
  let world: World;
  let a: Worker;
  let b: Worker;
  let before: Record<string, unknown>[];

  const rows = () => world.producer.rows('SELECT * FROM pgqueue ORDER BY id');

  beforeAll(async () => {
    world = await World.create(server, 'zombie');
    [a, b] = await Promise.all([
      world.worker({ kinds: { work: { workerCount: SLOTS } }, queue: LEASE }),
      world.worker({ kinds: { work: { workerCount: 0 } }, queue: LEASE }),
    ]);
    const ids = await world.producer.push(
      ...['effectFirst', 'effectFirst', 'throws', 'throws', 'completes', 'completes'].map((does) => ({
        do: does,
        ms: 1500,
        // What throws does so in A only.
        ...(does === 'throws' ? { times: 1 } : {}),
      })),
    );
    await Promise.all(ids.map((id) => world.started(id)));
    a.halt();
    await b.ask('workers', { work: SLOTS });
    await world.done();
    before = await rows();
    a.go();
    await eventually(() => a.of('attempt-settled').length === SLOTS, 15_000, 'A has tried to settle');
    await eventually(() => a.of('lease-lost').length > 0, 5000, 'A finds its lease gone');
  });
  afterAll(() => world.close());

  it('H1: its late outcomes change nothing, are counted and logged', async () => {
    expect(a.of('attempt-settled').map(({ as }) => as)).toEqual(Array(SLOTS).fill('lost'));
    expect(a.of('lease-lost')).toHaveLength(1);
    expect(a.output).toContain('its lease was lost, its outcome was discarded');
    expect(b.of('attempt-settled').map(({ as }) => as)).toEqual(Array(SLOTS).fill('succeeded'));
    expect(await rows()).toEqual(before);
  });

  it('H1: its failure resurrects no task, and each start is one attempt', () => {
    expect(before.map(({ status, attempts_elapsed: attempts }) => `${status} ${attempts}`)).toEqual(
      Array(SLOTS).fill('succeeded 2'),
    );
  });

  it('H1: its effects that commit with their outcome are not written', async () => {
    const effects = await world.producer.rows("SELECT attempt FROM effects WHERE outcome = 'completed'");
    expect(effects).toEqual([{ attempt: 2 }, { attempt: 2 }]);
    await world.expectSound();
  });

  it('H1: it goes on under a new lease, within its slots, beside the bodies that it lost', async () => {
    await b.ask('workers', { work: 0 });
    const ids = await world.producer.pushMany(SLOTS, { do: 'heed', ms: 60_000, times: 1 });
    await Promise.all(ids.map((id) => world.started(id)));
    a.halt();
    await b.ask('workers', { work: SLOTS });
    await Promise.all(ids.map((id) => world.started(id, 2)));
    await b.ask('workers', { work: 0 });
    a.go();
    await world.producer.pushMany(30, { do: 'ok', ms: 30 });
    await world.done();
    await eventually(
      () => a.of('attempt-settled').length === 2 * SLOTS + 30,
      5000,
      'A tells of its attempts',
    );
    expect(a.of('lease-acquired')).toHaveLength(3);
    expect(
      a
        .of('aborted')
        .filter(({ id }) => ids.includes(id))
        .map(({ reason }) => reason),
    ).toEqual(Array(SLOTS).fill('LeaseLostError'));
    expect((await a.ask('concurrency')).maxActive).toBeLessThanOrEqual(SLOTS);
    await world.expectSound();
  });
});

describe('H4: the name of a process', () => {
  let world: World;

  beforeAll(async () => {
    world = await World.create(server, 'names');
  });
  afterAll(() => world.close());

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

describe('a process whose event loop is blocked', () => {
  const LONGER = { leaseTimeout: '5s', heartbeatPeriod: '200ms' };
  let world: World;
  let blocked: Worker;
  let other: Worker;

  beforeEach(async () => {
    world = await World.create(server, `blocked_${++count}`);
    blocked = await world.worker({ kinds: { work: { workerCount: 3 } }, queue: LONGER });
    other = await world.worker({ kinds: { work: { workerCount: 0 } }, queue: LONGER });
  });
  afterEach(() => world.close());

  it('keeps its tasks when that takes less than its lease, however long they run', async () => {
    // More than two lease times, and blocked for more than the heartbeats whose absence tells of a killed process.
    const ids = await world.producer.pushMany(3, { do: 'ok', ms: 12_000 });
    await Promise.all(ids.map((id) => world.started(id)));
    await other.ask('workers', { work: 3 });
    await blocked.ask('block', 2500);
    await world.done();
    expect([...blocked.of('lease-lost'), ...other.of('tasks-rescued')]).toEqual([]);
    expect(await world.expectSound()).toMatchObject({ starts: 3, succeeded: 3 });
  });

  it('loses them to another process when that takes longer, and goes on when it is over', async () => {
    const ids = await world.producer.pushMany(3, { do: 'heed', ms: 60_000, times: 1 });
    await Promise.all(ids.map((id) => world.started(id)));
    await other.ask('workers', { work: 3 });
    await blocked.ask('block', 8000);
    await world.done();
    for (const id of ids) {
      expect((await world.started(id, 2)).pid).toBe(other.pid);
    }
    await eventually(() => blocked.of('lease-acquired').length === 2, 5000, 'it has a new lease');
    expect(blocked.of('aborted').map(({ reason }) => reason)).toEqual(Array(3).fill('LeaseLostError'));
    expect(blocked.output).toContain('this worker process was declared dead');
    await other.ask('workers', { work: 0 });
    await world.producer.pushMany(3, { do: 'ok' });
    await world.done();
    await world.expectSound();
  });
});
