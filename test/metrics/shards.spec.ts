import { Registry } from 'prom-client';
import { expect } from 'vitest';
import { PgQueueMetricsModule } from '../../lib/metrics/index.js';
import { newKind, recordEvents, until } from '../support/index.js';
import { scrape } from '../support/scrape.js';
import { createProxiedApp, shardsPerFile } from '../support/sharded-app.js';

const registry = new Registry();

const { it, app } = shardsPerFile(['a', 'b'], {
  app: (created) =>
    createProxiedApp({
      databases: created,
      options: { autoStart: false, statementTimeout: 500 },
      imports: [PgQueueMetricsModule.register({ registry, snapshotPeriod: '1s' })],
    }),
});

it('tell of each shard by its name, and of one that hangs what was seen last, while the others go on', async () => {
  app.queue.registerKind(kind, () => undefined);
  await app.queue.pushTask({ kind, payload: 1 }, { shardKey: 'a/1' });
  await app.queue.pushTask({ kind, payload: 1 }, { shardKey: 'b/1' });
  await until(async () => (await newIn('a')) === 1 && (await newIn('b')) === 1);
  expect([await isUp('a'), await isUp('b')]).toEqual([1, 1]);

  const events = recordEvents(app.queue);
  app.proxy.blackhole();
  await until(async () => (await isUp('b')) === 0);
  const age = await ageOf('b');
  await app.queue.pushTask({ kind, payload: 2 }, { shardKey: 'a/1' });
  await until(async () => (await newIn('a')) === 2);
  expect([await isUp('a'), await newIn('b')]).toEqual([1, 1]);
  expect(await ageOf('b')).toBeGreaterThan(age);
  const failures = events.of('connection-failed').map(({ role, shard }) => `${role} ${shard}`);
  expect(new Set(failures)).toEqual(new Set(['maintenance b']));

  app.proxy.heal({ revive: false });
  await until(async () => (await isUp('b')) === 1);
});

const kind = newKind({ name: 'work' });

const series = async (name: string) => (await scrape(registry)).get(name) ?? Number.NaN;
const isUp = (shard: string) => series(`pgqueue_shard_up{shard="${shard}"}`);
const ageOf = (shard: string) => series(`pgqueue_snapshot_age_seconds{shard="${shard}"}`);
const newIn = (shard: string) => series(`pgqueue_tasks{shard="${shard}",kind="work",status="new"}`);
