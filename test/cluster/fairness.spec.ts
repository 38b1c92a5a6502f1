import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'vitest';
import type { TaskDefinition } from '../../lib/index.js';
import { deferred, newKind, recordEvents, until } from '../support/index.js';
import { createProxiedApp, shardsPerTest } from '../support/sharded-app.js';

const { it, app } = shardsPerTest(['a', 'b'], {
  app: (created) =>
    createProxiedApp({ databases: created, options: { autoStart: false, shutdownTimeout: 100 } }),
});

it('keeps no slots for a shard in which the kind is paused', async () => {
  const kind = newKind({ workerCount: 2 });
  const { promise, resolve } = deferred();
  let began = 0;
  app.queue.registerKind(kind, () => {
    began++;
    return promise;
  });
  const events = recordEvents(app.queue);
  await app.queue.start();
  await events.first('lease-acquired', ({ shard }) => shard === 'b');
  await app.dataSource('b').query('INSERT INTO pgqueue_pause (kind) VALUES ($1)', [kind.kind]);
  await events.first('kind-paused', ({ shard }) => shard === 'b');
  await push(kind, 'b', 2);
  await push(kind, 'a', 1);
  await until(() => began === 1);
  await push(kind, 'a', 1);
  await until(() => began === 2);
  expect(app.queue.slots()).toMatchObject([{ slots: 2, busy: 2 }]);
  resolve();
});

it('keeps no slots for a shard whose claim for another kind hangs', async () => {
  const kind = newKind();
  const first = deferred();
  let ran = 0;
  app.queue.registerKind(kind, async () => {
    await first.promise;
    ran++;
  });
  app.queue.registerKind(newKind(), () => undefined);
  const events = recordEvents(app.queue);
  let claimedAt = 0;
  app.queue.subscribe((event) => {
    if (event.type === 'claimed' && event.shard === 'b') {
      claimedAt = performance.now();
    }
  });
  await app.queue.start();
  await push(kind, 'a', 11);
  await until(() => app.queue.slots()[0]!.busy === 1);
  const busyAt = performance.now();
  // It has looked for a slot of this kind, too.
  await until(() => claimedAt > busyAt);
  app.proxy.blackhole();
  // It would have polled long ago.
  await until(() => performance.now() - claimedAt > 1000);
  first.resolve();
  await until(() => ran === 11);
  expect(events.of('connection-failed').filter(({ role }) => role === 'claim')).toEqual([]);
});

it('serves one whose claims take long as often as the other', async () => {
  app.proxy.delayMs = 80;
  const kind = newKind();
  const ran: string[] = [];
  app.queue.registerKind(kind, async ({ payload }) => {
    ran.push(payload.split('/')[0]);
    await pause(300);
  });
  await push(kind, 'a', 100);
  await push(kind, 'b', 100);
  await app.queue.start();
  await until(() => ran.includes('b'));
  const before = ran.length;
  await until(() => ran.length >= before + 12);
  expect(ran.slice(before).filter((shard) => shard === 'b').length).toBeGreaterThan(3);
});

const push = (kind: TaskDefinition<any>, shard: string, count: number) =>
  app.queue.pushTasks(
    Array.from({ length: count }, (_, n) => ({ kind, payload: `${shard}/${n}` })),
    { shardKey: `${shard}/0` },
  );
