import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EmbeddedPostgres } from '../../scripts/embedded-postgres/index.mjs';
import { ask } from './support/side-tables.mjs';
import { killServer, startStandby } from './support/standby.mjs';
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
    await ask(standbyUrl, 'SELECT pg_promote(true, 30)');
    world.proxy.target = standby.port;
    world.proxy.cut();
    world.url = withDatabaseOf(world.url, standbyUrl);
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

function withDatabaseOf(url: string, server: string): string {
  const moved = new URL(server);
  moved.pathname = new URL(url).pathname;
  return moved.href;
}
