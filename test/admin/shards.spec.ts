import { afterEach, describe, expect } from 'vitest';
import { InvalidOptionError, QueueAdmin, type TaskFilter, type TaskPage } from '../../lib/index.js';
import { lazily, recordEvents, rejectionOf, until } from '../support/index.js';
import { createShardedApp, type ShardDatabases, shardsPerFile } from '../support/sharded-app.js';

const { it, databases, app } = shardsPerFile(['a', 'b', 'default'], { app: openIdle });
const admin = lazily(() => app.get(QueueAdmin));

afterEach(async () => {
  for (const shard of Object.keys(databases)) await app.dataSource(shard).query(`TRUNCATE ${TABLES}`);
});

describe('QueueAdmin over several shards', () => {
  it('counts the tasks of a kind in all, and tells since when the oldest of them has been due', async () => {
    await store('a', { run_at: at(2) });
    await store('b', { run_at: at(1) });
    await store('b', { kind: '2', status: `'no_attempts_left'` });
    await store('default');
    const counts = await admin.counts();
    expect(counts).toMatchObject([
      { kind: 1, statuses: { new: { count: 3, approximate: false } } },
      { kind: 2, statuses: { no_attempts_left: { count: 1 } }, oldestDueAt: null },
    ]);
    expect(counts[0]!.oldestDueAt).toEqual(new Date('2026-01-01T00:01:00Z'));
  });

  it.each<[string, TaskFilter, string[], Record<string, string>, string]>([
    ['open', { status: 'new' }, [], {}, 'run_at'],
    ['broken', { status: 'no_attempts_left' }, ['reversed'], { status: `'no_attempts_left'` }, 'created_at'],
    ['finished', { status: 'succeeded' }, ['reversed'], { status: `'succeeded'` }, 'finished_at'],
    ['any', {}, ['reversed'], {}, 'created_at'],
    ['any with one text', { text: 'found' }, ['reversed'], { payload: `'"found"'` }, 'created_at'],
  ])('merges pages in the order of the list: %s', async (_, filter, [reversed], columns, ordered) => {
    const order = ['a', 'a', 'b', 'default', 'b', 'b', 'a', 'default', 'b', 'a', 'b'];
    const ids: string[] = [];
    for (const [minute, shard] of order.entries()) {
      ids.push(await store(shard, { ...columns, [ordered]: at(minute) }));
    }
    const expected = reversed ? ids.toReversed() : ids;
    for (const limit of [1, 3, 5, 11, 50]) {
      expect(await all(filter, limit)).toEqual(expected);
    }
    expect(await all({ ...filter, shard: 'b' }, 2)).toEqual(expected.filter((id) => id.startsWith('b/')));
  });

  it('shows nothing too soon where a shard has looked at all that it may for a page', async () => {
    const first = await store('a', { payload: `'"found"'`, created_at: at(1) });
    await app
      .dataSource('a')
      .query(
        `INSERT INTO pgqueue (kind, payload, created_at) SELECT 1, '{}', ${at(3)} FROM generate_series(1, 2500)`,
      );
    const second = await store('b', { payload: `'"found"'`, created_at: at(2) });
    const third = await store('b', { payload: `'"found"'`, created_at: at(4) });
    const page = await admin.list({ text: 'found' });
    expect(idsOf(page)).toEqual([third]);
    expect(page.next).not.toBeNull();
    expect(await all({ text: 'found' }, 50)).toEqual([third, second, first]);
  });

  it('finds a task by its id wherever it is, several at once too', async () => {
    const ids = [await store('a'), await store('b', { payload: `'{"n": 2}'` }), await store('default')];
    expect(await admin.task(ids[1]!)).toMatchObject({ id: ids[1], shard: 'b', payload: { n: 2 } });
    expect(await admin.task(ids[2]!)).toMatchObject({ id: ids[2], shard: 'default' });
    expect(await admin.task('b/404')).toBeNull();
    expect((await admin.explain(ids[0]!)).text).toBe(
      `Task ${ids[0]} waits: no live worker process handles its kind pgqueue-1.`,
    );
    expect((await admin.explain('a/404')).text).toMatch(/^There is no task a\/404:/);
    expect(idsOf(await admin.list({ id: ids })).toSorted()).toEqual(ids.toSorted());
    expect(idsOf(await admin.list({ id: ids, shard: 'b' }))).toEqual([ids[1]]);
    expect(await admin.list({ id: ids[0]!, shard: 'b' })).toMatchObject({ tasks: [], next: null });
  });

  it('refuses ids and shards that do not exist, and the cursor of other shards', async () => {
    const ofShard = new InvalidOptionError('id', 'c/1', 'must be the id of a task in one of the shards');
    for (const ask of [
      () => admin.task('c/1'),
      () => admin.explain('c/1'),
      () => admin.list({ id: 'c/1' }),
      () => admin.cancel({ id: 'c/1' }),
    ]) {
      expect(await rejectionOf(ask())).toEqual(ofShard);
    }
    const refused = await rejectionOf(admin.list({ shard: 'c' }));
    expect(refused).toEqual(new InvalidOptionError('shard', 'c', 'must be one of a, b, default'));
    await store('a');
    await store('a');
    const { next } = await admin.list({ shard: 'a' }, { limit: 1 });
    expect(await rejectionOf(admin.list({}, { after: next! }))).toMatchObject({ field: 'after' });
    const places = admin.shardNames.map((name) => [name, [1, 'a/1']]);
    const forged = Buffer.from(JSON.stringify(['any', places])).toString('base64url');
    expect(await rejectionOf(admin.list({}, { after: forged }))).toMatchObject({ field: 'after' });
  });

  it('adds up what attempts came to', async () => {
    const minute = `date_trunc('minute', now())`;
    await app
      .dataSource('a')
      .query(`INSERT INTO pgqueue_activity VALUES (${minute}, 5, 2, 1, 1, '{1,99}', '{1}')`);
    await app
      .dataSource('b')
      .query(`INSERT INTO pgqueue_activity VALUES (${minute}, 5, 3, 0, 0, '{100}', '{}')`);
    const [activity, ...others] = await admin.activity({ minutes: 2 });
    expect(others).toEqual([]);
    const sums = activity!.points.reduce(
      (sum, { succeeded, failed }) => [sum[0]! + succeeded, sum[1]! + failed],
      [0, 0],
    );
    expect(sums).toEqual([5, 1]);
    expect(activity!.wait).toEqual({ p50: 1, p95: 1.25, p99: 1.25 });
  });

  it('shows a worker process once, with its lease and what it runs in each shard, and its slots once', async () => {
    const lease = (
      shard: string,
      worker: string,
      instance: string | null,
      silentS: number,
      running: unknown[],
    ) =>
      app.dataSource(shard).query(
        `INSERT INTO pgqueue_lease (worker, heartbeat_at, slots, running, settings)
         VALUES ($1, now() - $2 * interval '1 s', '{"7": [5, 2, null]}', $3, $4)`,
        [
          worker,
          silentS,
          JSON.stringify(running),
          JSON.stringify({
            silenceMs: 60_000,
            ...(instance ? { instance } : {}),
            kinds: { 7: { name: 'mail' } },
          }),
        ],
      );
    await lease('a', 'both', 'one', 0, [[1, 7, 1, 2000]]);
    await lease('b', 'both', 'one', 3600, [[2, 7, 1, 1000]]);
    await lease('a', 'old release', null, 0, []);
    await lease('b', 'old release', null, 0, []);
    const workers = await admin.workers();
    expect(workers.map(({ worker }) => worker).toSorted()).toEqual(['both', 'old release', 'old release']);
    expect(workers.find(({ worker }) => worker === 'both')).toMatchObject({
      id: 'one',
      lost: false,
      kinds: [{ kind: 7, name: 'mail', capacity: 5, busy: 2 }],
      running: [{ id: 'b/2' }, { id: 'a/1' }],
      shards: [
        { shard: 'a', lost: false },
        { shard: 'b', lost: true },
      ],
    });
    expect(await admin.kinds()).toMatchObject([{ kind: 7, processes: 3, slots: { capacity: 15, busy: 6 } }]);
  });

  it('shows the lease that a process has lost beside its newer one', async () => {
    const lease = (silentS: number) =>
      app.dataSource('a').query(
        `INSERT INTO pgqueue_lease (worker, started_at, heartbeat_at, slots, running, settings)
         VALUES ('back', now() - $1 * interval '1 s', now() - $1 * interval '1 s', '{"7": [5, 2, null]}', '[]', '{"instance": "two", "silenceMs": 60000, "kinds": {}}')
         RETURNING id`,
        [silentS],
      );
    await lease(3600);
    const [{ id: newer }] = await lease(0);
    const workers = (await admin.workers()).filter(({ worker }) => worker === 'back');
    expect(workers.map(({ lost, shards }) => [lost, shards.length]).toSorted()).toEqual([
      [false, 1],
      [true, 1],
    ]);
    expect(workers.find(({ lost }) => !lost)).toMatchObject({ id: 'two', leaseId: Number(newer) });
    await app.dataSource('a').query(`DELETE FROM pgqueue_lease WHERE worker = 'back'`);
  });

  it('takes a process that works in all of them for one', async () => {
    app.queue.registerKind(50, () => undefined, { workerCount: 3, attemptTimeout: '5s', backoff: () => 0 });
    await app.queue.start();
    const [worker, ...others] = await until(async () => {
      const workers = await admin.workers();
      return workers.length > 0 && workers.every(({ shards }) => shards.length === 3) && workers;
    });
    expect(others).toEqual([]);
    expect(worker!.shards.map(({ shard, lost }) => [shard, lost])).toEqual([
      ['a', false],
      ['b', false],
      ['default', false],
    ]);
    expect(await admin.kinds()).toMatchObject([{ processes: 1, slots: { capacity: 3 } }]);
    await app.queue.stop();
  });

  it('pauses and resumes a kind in every shard', async () => {
    await app.dataSource('a').query('INSERT INTO pgqueue_pause (kind) VALUES (7)');
    expect(await admin.kinds()).toMatchObject([{ kind: 7, unpausedIn: ['b', 'default'] }]);
    expect(await admin.pause(7)).toBe(true);
    expect(await admin.pause(7)).toBe(false);
    for (const shard of Object.keys(databases)) {
      expect(await app.dataSource(shard).query('SELECT kind FROM pgqueue_pause')).toEqual([{ kind: 7 }]);
    }
    const [{ paused_at: first }] = await app.dataSource('a').query('SELECT paused_at FROM pgqueue_pause');
    expect(await admin.kinds()).toMatchObject([{ kind: 7, pausedAt: first, unpausedIn: [] }]);
    expect(await admin.resume(7)).toBe(true);
    expect(await admin.kinds()).toEqual([]);
  });

  it('acts up to one limit in all shards, and tells where', async () => {
    for (const shard of ['a', 'a', 'b', 'b', 'default']) await store(shard);
    const events = recordEvents(app.queue);
    expect(await admin.cancel({ kind: 1 }, { limit: 3 })).toEqual({ changed: 3, more: true });
    expect(events.of('task-cancelled').map(({ shard }) => shard)).toEqual(['a', 'a', 'b']);
    expect(await admin.cancel({ kind: 1 }, { limit: 3 })).toEqual({ changed: 2, more: false });
    const [id] = await all({ shard: 'b' }, 10);
    expect(await admin.delete({ id: id! })).toEqual({ changed: 1, more: false });
    expect(await admin.delete({ shard: 'a', kind: 1 })).toEqual({ changed: 2, more: false });
    expect(await all({}, 10)).toHaveLength(2);
  });

  it('tells of its shards', async () => {
    const up = { reachable: true, error: null, draining: false, ageMs: 0, now: expect.any(Date) };
    expect(await admin.shards()).toEqual([
      { ...up, name: 'a' },
      { ...up, name: 'b', draining: true },
      { ...up, name: 'default' },
    ]);
  });
});

/** A task as columns and SQL values; answers its id as the application knows it. */
async function store(shard: string, columns: Record<string, string> = {}): Promise<string> {
  const all = { kind: '1', payload: `'{}'`, ...columns };
  const [{ id }] = await app
    .dataSource(shard)
    .query(
      `INSERT INTO pgqueue (${Object.keys(all).join(', ')}) VALUES (${Object.values(all).join(', ')}) RETURNING id`,
    );
  return shard === 'default' ? id : `${shard}/${id}`;
}

const at = (minute: number) => `'2026-01-01T00:${String(minute).padStart(2, '0')}:00Z'`;
const idsOf = ({ tasks }: TaskPage) => tasks.map(({ id }) => id);

/** Every task that a filter means, page by page. */
async function all(filter: TaskFilter, limit: number): Promise<string[]> {
  const result: string[] = [];
  let after: string | undefined;
  do {
    const page = await admin.list(filter, { limit, ...(after === undefined ? {} : { after }) });
    expect(page.tasks.length).toBeLessThanOrEqual(limit);
    result.push(...idsOf(page));
    after = page.next ?? undefined;
  } while (after !== undefined);
  return result;
}

const TABLES = 'pgqueue, pgqueue_lease, pgqueue_pause, pgqueue_activity';

function openIdle(created: ShardDatabases) {
  return createShardedApp({ databases: created, shards: { draining: ['b'] }, options: { autoStart: false } });
}
