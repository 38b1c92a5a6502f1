import { DataSource } from 'typeorm';
import { expect } from 'vitest';
import { createDashboardApp } from '../support/dashboard-app.js';
import { databasePerFile, newKind, until } from '../support/index.js';

const { it, dashboard } = databasePerFile({ dashboard: ({ url }) => createDashboardApp({ url }) });

const times = (points: { at: string }[]) => points.map(({ at }) => at);

const failures = (points: { failed: number }[]) => points.reduce((n, { failed }) => n + failed, 0);

it('is empty at first', async () => {
  expect(await dashboard.json('overview')).toEqual({
    at: expect.stringMatching(/^\d{4}-.*Z$/),
    kinds: [],
    moreKinds: 0,
    totals: expect.objectContaining({ busy: 0, capacity: 0 }),
    throughput: expect.objectContaining({ length: 60 }),
    workers: { live: 0, lost: 0 },
    shards: [
      {
        name: 'default',
        problem: null,
        draining: false,
        ageMs: 0,
        statuses: expect.objectContaining({ new: { count: 0, approximate: false } }),
        oldestDueAt: null,
      },
    ],
  });
});

it('shows tasks, slots, pauses, what attempts came to, and processes', async () => {
  const [fails, idle, paused] = [newKind({ workerCount: 3, maxAttempts: 1 }), newKind(), newKind()];
  const { queue, admin } = dashboard;
  queue.registerKind(fails, () => Promise.reject(new Error('it broke')));
  await queue.pushTasks([1, 2].map((payload) => ({ kind: fails, payload })));
  await queue.pushTask({ kind: idle, payload: 1 });
  await admin.pause(paused);
  await dashboard.app
    .get(DataSource)
    .query(`INSERT INTO pgqueue_lease (worker, heartbeat_at) VALUES ('gone', now() - interval '1 h')`);
  expect((await dashboard.json('overview')).workers).toEqual({ live: 0, lost: 1 });
  await queue.start();
  const running = await until(async () => {
    const overview = await dashboard.json('overview');
    return overview.kinds[0].statuses.no_attempts_left.count === 2 && overview.workers.live === 1 && overview;
  });
  expect(running.kinds[0]).toMatchObject({
    processes: 1,
    slots: { capacity: 3 },
    settings: { name: fails.name },
  });
  // What attempts came to is written every so often, and at the stop.
  await queue.stop();

  const { kinds } = await dashboard.json('overview');
  const none = { count: 0, approximate: false };
  expect(kinds).toMatchObject([
    {
      kind: fails.kind,
      name: fails.name,
      pausedAt: null,
      statuses: { new: none, no_attempts_left: { count: 2, approximate: false } },
      oldestDueAt: null,
      wait: { p50: expect.any(Number), p95: expect.any(Number), p99: expect.any(Number) },
      run: { p50: expect.any(Number), p95: expect.any(Number), p99: expect.any(Number) },
    },
    {
      kind: idle.kind,
      statuses: { new: { count: 1 } },
      oldestDueAt: expect.any(String),
      wait: null,
      run: null,
    },
    {
      kind: paused.kind,
      pausedAt: expect.any(String),
      processes: 0,
      slots: { capacity: 0, busy: 0, fullSince: null },
      statuses: { new: none, succeeded: none },
    },
  ]);
  expect(kinds.map(({ points }: any) => [points.length, failures(points)])).toEqual([
    [60, 2],
    [0, 0],
    [0, 0],
  ]);
  const { throughput } = await dashboard.json('overview');
  expect(failures(throughput)).toBe(2);
  expect(times(throughput).slice(-5, -1)).toEqual(
    expect.arrayContaining(times(kinds[0].points).slice(-4, -1)),
  );
});
