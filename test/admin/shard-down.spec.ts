import { afterEach, describe, expect } from 'vitest';
import { NoAnswerError, QueueAdmin, PartialFailureError, type TaskPage } from '../../lib/index.js';
import { cutOff } from '../support/cut-off.js';
import { lazily, newKind, rejectionOf, until } from '../support/index.js';
import { createProxiedApp, type ShardDatabases, shardsPerFile } from '../support/sharded-app.js';

const { it, databases, app } = shardsPerFile(['a', 'b', 'default'], { app: openProxied });
const admin = lazily(() => app.get(QueueAdmin));
const proxy = lazily(() => app.proxy);

afterEach(async () => {
  for (const shard of Object.keys(databases)) {
    await app.dataSource(shard).query('TRUNCATE pgqueue, pgqueue_pause');
  }
});

describe('QueueAdmin while a shard is down', () => {
  it('answers what the others have, with the reason why it is not all', async () => {
    const [inA, inB, first] = [await store('a'), await store('b'), await store('default')];
    const restore = await cutOff(databases.b);
    try {
      const counts = await rejectionOf(admin.counts());
      expect(counts).toBeInstanceOf(PartialFailureError);
      expect([...(counts as PartialFailureError).errors.keys()]).toEqual(['b']);
      expect(counts).toMatchObject({
        message: expect.stringMatching(/^shard b: /),
        result: [{ kind, statuses: { new: { count: 2 } } }],
      });
      for (const ask of ['kinds', 'workers', 'activity'] as const) {
        expect(await rejectionOf(admin[ask]())).toMatchObject({
          code: 'PGQUEUE_PARTIAL_FAILURE',
          result: [],
        });
      }
      expect(await rejectionOf(admin.pause(kind))).toMatchObject({ result: true });
      expect(await admin.task(inA)).toMatchObject({ id: inA });
      expect(await rejectionOf(admin.task(inB))).not.toBeInstanceOf(PartialFailureError);
      expect(idsOf(await admin.list({ shard: 'a' }))).toEqual([inA]);
      expect(await admin.shards()).toMatchObject([
        { reachable: true, error: null },
        { name: 'b', reachable: false, error: expect.stringMatching(/./), ageMs: null },
        { reachable: true },
      ]);
      expect(await rejectionOf(admin.cancel({ kind }))).toMatchObject({
        result: { changed: 2, more: false },
      });

      const { result } = (await rejectionOf(admin.list())) as PartialFailureError<TaskPage>;
      expect(idsOf(result).toSorted()).toEqual([first, inA].toSorted());
      await restore();
      // What it has is not passed over.
      expect(idsOf(await admin.list({}, { after: result.next! }))).toEqual([inB]);
    } finally {
      await restore().catch(() => undefined);
    }
  });

  it('is not held up for longer than a statement may take and a moment by one that says nothing', async () => {
    await store('a');
    proxy.blackhole();
    try {
      expect(await rejectionOf(admin.counts())).toMatchObject({
        message: 'shard b: no answer within 1000 ms',
        result: [{ statuses: { new: { count: 1 } } }],
      });
      expect((await admin.shards())[1]).toMatchObject({
        reachable: false,
        error: 'no answer within 1000 ms',
      });
    } finally {
      proxy.heal();
    }
  });

  it('changes nothing later that it gave up on', async () => {
    proxy.blackhole();
    const paused = await rejectionOf(admin.pause(kind));
    expect(paused).toMatchObject({ result: true, errors: new Map([['b', expect.any(NoAnswerError)]]) });
    proxy.heal();
    // On the one connection, and so after what was held back.
    expect(await app.dataSource('b').query('SELECT kind FROM pgqueue_pause')).toEqual([]);
  });

  it('takes back what is done too late', async () => {
    await admin.counts();
    // Begin, look, pause: the answer to the third is late, and nothing is committed after it.
    proxy.delayMs = 220;
    const paused = await rejectionOf(admin.pause(kind));
    expect(paused).toMatchObject({ errors: new Map([['b', expect.any(NoAnswerError)]]) });
    proxy.delayMs = 0;
    expect(await app.dataSource('b').query('SELECT kind FROM pgqueue_pause')).toEqual([]);
  });

  it('says so of a page too for which only that one is left', async () => {
    const inB = await store('b');
    const restore = await cutOff(databases.b);
    let missing: PartialFailureError<TaskPage>;
    try {
      const { next } = ((await rejectionOf(admin.list())) as PartialFailureError<TaskPage>).result;
      missing = (await rejectionOf(admin.list({}, { after: next! }))) as PartialFailureError<TaskPage>;
    } finally {
      await restore();
    }
    expect(missing).toBeInstanceOf(PartialFailureError);
    expect(missing.result).toMatchObject({ tasks: [], examined: 0 });
    expect(idsOf(await admin.list({}, { after: missing.result.next! }))).toEqual([inB]);
  });

  it('is waited for once by an overview, and not again until it has answered', async () => {
    await store('a');
    const failureOf = async (patienceMs: number) => {
      const { counts, shards } = await admin.overview({ patienceMs, activityMs: 0 });
      expect(counts).toMatchObject([{ kind, statuses: { new: { count: 1 } } }]);
      return shards.find(({ name }) => name === 'b')!.failure;
    };
    proxy.blackhole();
    try {
      expect(await failureOf(100)).toEqual(new NoAnswerError(100));
      // Its statement would be given up after 1000 ms.
      expect(await failureOf(60_000)).toEqual(new NoAnswerError(100));
    } finally {
      proxy.heal();
    }
    await until(async () => (await failureOf(60_000)) === undefined);
  });
});

const definition = newKind();
const { kind } = definition;

const store = async (shard: string) =>
  (await app.queue.pushTask({ kind: definition, payload: {} }, { shardKey: `${shard}/1` })).id!;

const idsOf = ({ tasks }: TaskPage) => tasks.map(({ id }) => id);

function openProxied(created: ShardDatabases<'a' | 'b' | 'default'>) {
  return createProxiedApp({
    databases: created,
    options: { autoStart: false, statementTimeout: 500 },
    typeorm: { extra: { max: 1 } },
  });
}
