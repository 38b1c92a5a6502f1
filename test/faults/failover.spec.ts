import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { EmbeddedPostgres } from '../../scripts/embedded-postgres/index.mjs';
import { Kinds } from './support/kinds.mjs';
import { ask } from './support/side-tables.mjs';
import { cutReplication, killServer, startStandby } from './support/standby.mjs';
import { eventually } from './support/wait.mjs';
import { World } from './support/world.js';

const SETTINGS = { max_connections: 200, wal_level: 'replica' };
const POOL = { extra: { max: 10, connectionTimeoutMillis: 2000, query_timeout: 5000 } };

describe('failover between two servers, replicated synchronously', () => {
  let primary: EmbeddedPostgres;
  let standby: EmbeddedPostgres;
  let standbyUrl: string;
  let world: World;

  beforeAll(async () => {
    primary = await EmbeddedPostgres.start(SETTINGS);
    ({ standby, url: standbyUrl } = await startStandby(primary, SETTINGS));
    // The producer too connects through the proxy, which is repointed as a virtual address is.
    world = await World.create(primary, 'failover', { proxied: true, typeorm: POOL });
  });
  afterAll(async () => {
    await world.close();
    await primary.stop();
    await standby.stop();
  });

  it('H15: no acknowledged push is lost, and processing goes on, when the primary is killed and the standby promoted', async () => {
    await Promise.all([1, 2].map(() => world.worker({ kinds: { work: {}, other: {} }, typeorm: POOL })));
    const stopPushing = world.keepPushing(10);
    await eventually(async () => (await world.producer.rows('SELECT FROM effects')).length > 300);

    await killServer(primary);
    const acknowledged = world.producer.acknowledged.size;
    await promote(world, standby, standbyUrl);
    const promotedAt = Date.now();

    await eventually(() => world.producer.acknowledged.size > acknowledged + 100, 30_000, 'producers go on');
    const first = await eventually(
      async () =>
        (await ask(world.url, 'SELECT min(at) AS at FROM starts WHERE at > $1', [new Date(promotedAt)]))[0]
          .at,
      30_000,
      'workers go on',
    );
    expect(first.getTime() - promotedAt).toBeLessThan(10_000);
    await stopPushing();
    await world.done(60_000);
    world.expectAlive();
    const counts = await world.expectSound();
    expect(counts['tasks']).toBeGreaterThanOrEqual(world.producer.acknowledged.size);
  });
});

const kept = Array.from({ length: 20 }, (_, n) => `kept ${n + 10}`);
const lost = Array.from({ length: 10 }, (_, n) => `lost ${n + 10}`);

const withKey = (key: string) => ({ do: 'ok', key });

async function storedKeys(url: string): Promise<string[]> {
  const rows = await ask(url, 'SELECT external_key AS key FROM pgqueue ORDER BY external_key');
  return rows.map(({ key }) => key);
}

describe('failover to a standby that was cut off before', () => {
  let primary: EmbeddedPostgres;
  let standby: EmbeddedPostgres;
  let standbyUrl: string;
  let world: World;

  async function start(synchronous: boolean): Promise<void> {
    primary = await EmbeddedPostgres.start(SETTINGS);
    ({ standby, url: standbyUrl } = await startStandby(primary, SETTINGS, synchronous));
    world = await World.create(primary, 'failover', { proxied: true, typeorm: POOL });
  }
  afterEach(async () => {
    await world.close();
    await primary.stop();
    await standby.stop();
  });

  it('synchronous: what it has not got is not acknowledged, so that nothing acknowledged is lost', async () => {
    await start(true);
    await world.producer.pushMany(20, { do: 'ok' });
    await cutReplication(standbyUrl);
    const waiting = world.producer.push({ do: 'ok' }).then(
      () => 'acknowledged',
      () => 'failed',
    );
    await eventually(
      async () =>
        (await ask(world.url, "SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep'")).length > 0,
      30_000,
      'the commit waits for the standby',
    );

    await killServer(primary);
    expect(await waiting).toBe('failed');
    await promote(world, standby, standbyUrl);
    await world.worker({ kinds: { work: {} }, typeorm: POOL });
    await world.done(60_000);
    expect(await world.expectSound()).toMatchObject({ tasks: 20, succeeded: 20 });
  });

  it('asynchronous: the last commits are lost; what ran by them runs again, and a push of the same keys stores just what is gone', async () => {
    await start(false);
    const { producer } = world;
    const worker = await world.worker({ kinds: { work: { workerCount: 0 } }, typeorm: POOL });
    await producer.push(...kept.map(withKey));
    const moved = withDatabaseOf(world.url, standbyUrl);
    await eventually(
      async () =>
        (await storedKeys(moved)).length === 20 &&
        (await ask(moved, 'SELECT FROM pgqueue_lease')).length === 1,
      30_000,
      'the standby has the first',
    );
    await cutReplication(standbyUrl);
    await producer.push(...lost.map(withKey));
    expect(await storedKeys(world.url)).toEqual([...kept, ...lost]);
    await worker.ask('workers', { work: 20 });
    await world.done();

    await killServer(primary);
    await promote(world, standby, standbyUrl);
    expect(await storedKeys(world.url)).toEqual(kept);
    const again = await eventually(
      () =>
        producer.queue
          .pushTasks(
            [...kept, ...lost].map((key) => ({ kind: Kinds.work, payload: { do: 'ok' }, externalKey: key })),
          )
          .catch(() => undefined),
      30_000,
      'the producer goes on',
    );
    expect(again.map(({ status }) => status)).toEqual([
      ...kept.map(() => 'duplicate'),
      ...lost.map(() => 'pushed'),
    ]);
    // The outcomes are gone with their claims: what had run on the old server runs on the new one.
    await world.done(60_000);
    world.expectAlive();
    const runs = await ask(
      world.url,
      'SELECT external_key AS key FROM starts JOIN pgqueue ON id = task_id ORDER BY external_key',
    );
    expect(runs.map(({ key }) => key)).toEqual([...kept, ...lost]);
  });
});

/** The standby takes over, at the address that everybody connects to. */
async function promote(world: World, standby: EmbeddedPostgres, standbyUrl: string): Promise<void> {
  await ask(standbyUrl, 'SELECT pg_promote(true, 30)');
  world.proxy.target = standby.port;
  world.proxy.cut();
  world.url = withDatabaseOf(world.url, standbyUrl);
}

function withDatabaseOf(url: string, server: string): string {
  const moved = new URL(server);
  moved.pathname = new URL(url).pathname;
  return moved.href;
}
