import { describe, expect } from 'vitest';
import { LeaseLostError, type NewTask, type Priority, type PushOptions } from '../../lib/index.js';
import { type Arranged, arrange, createWorld, KEY, type Node } from '../support/arrange.js';
import { databasePerFile, deferred, newKind, rejectionOf, until } from '../support/index.js';
import { storedTasks } from '../support/queue-app.js';

const { it, world } = databasePerFile({ world: ({ url }) => createWorld(url) });

const OPTIONS: PushOptions = { onConflict: 'replace', delay: '1h', priority: 2 };

describe('H25: a push that replaces', () => {
  it.each<Node>(['new', 'must_retry', 'no_attempts_left', 'succeeded', 'cancelled'])(
    're-arms a task that is %s, with new payload, delay, priority and attempts',
    async (status) => {
      const task = await arrange(world, status);
      const before = await task.row();
      const result = await world.producer.queue.pushTask(replacement(task), OPTIONS);
      expect(result).toEqual({ id: String(before!['id']), status: 'pushed' });
      const [row] = await stored(task);
      expect(row).toMatchObject({
        id: result.id,
        status: 'new',
        payload: { replaced: true },
        priority: 2,
        attempts_left: 7,
        attempts_elapsed: 0,
        external_key: KEY,
        lease_id: null,
        messages: null,
        finished_at: null,
      });
      expect(row!.due_in).toBeGreaterThan(3_500_000);
      task.endBody();
    },
  );

  it('stores a task whose key is free', async () => {
    const task = { definition: newKind() };
    expect(await world.producer.queue.pushTask(replacement(task), OPTIONS)).toMatchObject({
      status: 'pushed',
    });
    expect(await stored(task)).toMatchObject([{ status: 'new', payload: { replaced: true } }]);
  });

  it('leaves a task that is being processed, and says so', async () => {
    const task = await arrange(world, 'processing');
    const before = await task.row();
    const result = await world.producer.queue.pushTask(replacement(task), OPTIONS);
    expect(result).toEqual({ id: String(before!['id']), status: 'duplicate' });
    expect(await task.row()).toEqual(before);
    task.endBody();
    await until(async () => (await task.now()) === 'succeeded');
    expect((await task.row())!['payload']).toEqual({ pushed: 1 });
  });

  it('is never swallowed by an attempt that was cancelled before', async () => {
    const task = await arrange(world, 'processing');
    await world.producer.queue.cancelTaskByKey(task.definition, KEY);
    await world.producer.queue.pushTask(replacement(task), OPTIONS);
    const rearmed = await task.row();
    task.endBody();
    // What this worker runs next is settled after what ended before.
    const next = newKind({ loop: { fetcherPeriod: 50 } });
    world.worker.queue.registerKind(next, () => undefined);
    await world.producer.queue.pushTask({ kind: next, payload: 0 });
    await until(async () => (await stored({ definition: next }))[0]!.status === 'succeeded');
    expect(await task.row()).toEqual(rearmed);
  });

  it('runs the re-armed task with its new payload, from the first attempt on', async () => {
    const definition = newKind({ loop: { fetcherPeriod: 50 } });
    const ran: unknown[] = [];
    world.worker.queue.registerKind(definition, ({ payload, attempt, attemptsLeft }) => {
      ran.push([payload, attempt, attemptsLeft]);
    });
    const push = (payload: string, options?: PushOptions) =>
      world.producer.queue.pushTask({ kind: definition, payload, externalKey: KEY }, options);
    await push('first');
    await until(async () => (await stored({ definition }))[0]!.status === 'succeeded');
    expect(await push('ignored')).toMatchObject({ status: 'duplicate' });
    expect(await push('second', { onConflict: 'replace' })).toMatchObject({ status: 'pushed' });
    await until(async () => ran.length === 2 && (await stored({ definition }))[0]!.status === 'succeeded');
    expect(ran).toEqual([
      ['first', 1, 32_766],
      ['second', 1, 32_766],
    ]);
  });

  it('is not swallowed by an older attempt of the same process that still runs when it is claimed', async () => {
    const definition = newKind({ workerCount: 2, loop: { fetcherPeriod: 50 } });
    const ran: unknown[] = [];
    const [started, end] = [deferred<AbortSignal>(), deferred()];
    world.worker.queue.registerKind(definition, async ({ payload, signal }) => {
      ran.push(payload);
      if (payload === 'first') {
        started.resolve(signal);
        await end.promise;
      }
    });
    const push = (payload: string, options?: PushOptions) =>
      world.producer.queue.pushTask({ kind: definition, payload, externalKey: KEY }, options);
    await push('first');
    const signal = await started.promise;
    await world.producer.queue.cancelTaskByKey(definition, KEY);
    expect(await push('second', { onConflict: 'replace' })).toMatchObject({ status: 'pushed' });
    // This process hears of no cancel: that the task is taken again is what tells the older attempt.
    await until(() => signal.aborted);
    expect(signal.reason).toBeInstanceOf(LeaseLostError);
    end.resolve();
    await until(async () => (await stored({ definition }))[0]!.status === 'succeeded');
    expect(ran).toEqual(['first', 'second']);
    expect(await stored({ definition })).toMatchObject([{ payload: 'second', attempts_elapsed: 1 }]);
  });

  it('moves a task to another priority, in which it runs', async () => {
    const definition = newKind({ loop: { fetcherPeriod: 50 } });
    const push = (externalKey: string, priority: Priority) =>
      world.producer.queue.pushTask(
        { kind: definition, payload: externalKey, externalKey },
        { priority, onConflict: 'replace' },
      );
    await push('a', 9);
    await push('b', 5);
    await push('a', 0);
    const ran: unknown[] = [];
    world.worker.queue.registerKind(definition, ({ payload }) => ran.push(payload));
    await until(() => ran.length === 2);
    expect(ran).toEqual(['a', 'b']);
  });

  it('of one key several times in a batch stores the last, and says pushed to each', async () => {
    const definition = newKind();
    const tasks = ['a', 'b', 'a', 'a'].map((externalKey, n) => ({
      kind: definition,
      payload: n,
      externalKey,
    }));
    const results = await world.producer.queue.pushTasks(tasks, { ...OPTIONS });
    expect(results.map(({ status }) => status)).toEqual(['pushed', 'pushed', 'pushed', 'pushed']);
    expect(results.map(({ id }) => id)).toEqual([0, 1, 0, 0].map((n) => results[n]!.id));
    expect(
      (await stored({ definition })).map(({ external_key, payload }) => [external_key, payload]),
    ).toEqual(
      expect.arrayContaining([
        ['a', 3],
        ['b', 1],
      ]),
    );
    expect(await stored({ definition })).toHaveLength(2);
  });

  it('across the statements of a large batch stores the last of each key', async () => {
    const definition = newKind();
    const tasks = Array.from({ length: 3000 }, (_, n) => ({
      kind: definition,
      payload: n,
      externalKey: `key ${n % 1000}`,
    }));
    const results = await world.producer.queue.pushTasks(tasks, OPTIONS);
    expect(results.every(({ status }) => status === 'pushed')).toBe(true);
    const payloads = (await stored({ definition })).map(({ payload }) => payload as number);
    expect(payloads.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, n) => 2000 + n));
  });

  it('leaves the stored task as it was when the transaction rolls back', async () => {
    const task = await arrange(world, 'no_attempts_left');
    const before = await task.row();
    await rejectionOf(
      world.producer.dataSource.transaction(async (manager) => {
        await world.producer.queue.pushTask(replacement(task), { ...OPTIONS, manager });
        throw new Error('roll back');
      }),
    );
    expect(await task.row()).toEqual(before);
    task.endBody();
  });

  it('and a claim at the same time never both have the task', async () => {
    const definition = newKind({ loop: { fetcherPeriod: 20 }, workerCount: 5 });
    const seen = new Set<unknown>();
    world.worker.queue.registerKind(definition, ({ payload }) => seen.add(payload));
    const outcomes: string[] = [];
    for (let n = 0; n < 60; n++) {
      const options = { onConflict: 'replace' } as const;
      const { status } = await world.producer.queue.pushTask(
        { kind: definition, payload: n, externalKey: KEY },
        options,
      );
      outcomes.push(status);
    }
    await until(async () => (await stored({ definition }))[0]!.status === 'succeeded');
    const [row] = await stored({ definition });
    // Each push either replaced what waited, or met a running attempt and said so: the stored payload is the last that was pushed.
    expect(row!.payload).toBe(outcomes.lastIndexOf('pushed'));
    expect(seen).toContain(row!.payload);
    expect(row).toMatchObject({ attempts_elapsed: 1 });
  });
});

const replacement = ({ definition }: Pick<Arranged, 'definition'>): NewTask => ({
  kind: { ...definition, maxAttempts: 7 },
  payload: { replaced: true },
  externalKey: KEY,
});

const stored = ({ definition }: Pick<Arranged, 'definition'>) =>
  storedTasks(world.producer.dataSource, `kind = ${definition.kind}`);
