import { afterEach, describe, expect } from 'vitest';
import { type KindOptions, ShutdownError, type Task, TaskTimeoutError } from '../../lib/index.js';
import { databasePerFile, deferred, newKind, perTest, rejectionOf, until } from '../support/index.js';

const { it, app } = databasePerFile({}, { app: { options: { shutdownTimeout: 100 } } });
const { events } = app;

const end = perTest(() => deferred());

afterEach(() => end.resolve());

describe('an attempt that runs longer than attemptTimeout', () => {
  it('has its signal aborted with TaskTimeoutError, and fails with its message', async () => {
    const reasons: unknown[] = [];
    register({ maxAttempts: 1 }, async ({ signal }) => {
      reasons.push(
        await new Promise((resolve) => signal.addEventListener('abort', () => resolve(signal.reason))),
      );
      signal.throwIfAborted();
    });
    const startedAt = performance.now();
    await push();
    await until(async () => (await stored())[0]!.status === 'no_attempts_left');
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(100);
    expect((await stored())[0]!.messages).toEqual(['timed out after 100 ms']);
    expect(reasons).toEqual([expect.any(TaskTimeoutError)]);
    expect(reasons[0]).toMatchObject({ timeoutMs: 100, code: 'PGQUEUE_TASK_TIMEOUT' });
    expect(events.of('attempt-settled')).toMatchObject([
      { as: 'failed', exhausted: true, error: reasons[0] },
    ]);
    expect(events.of('handler-abandoned')).toEqual([]);
  });

  it('has an aborted signal also when it first asks for it afterwards', async () => {
    const late = deferred<AbortSignal>();
    register({ maxAttempts: 1 }, async (task) => {
      await end.promise;
      late.resolve(task.signal);
    });
    await push();
    await until(async () => (await stored())[0]!.status === 'no_attempts_left');
    end.resolve();
    expect((await late.promise).reason).toBeInstanceOf(TaskTimeoutError);
  });

  it('is not failed by a handler that ends just in time', async () => {
    register({ attemptTimeout: '5s' }, () => new Promise((resolve) => setTimeout(resolve, 50)));
    await push();
    await events.first('attempt-settled', ({ as }) => as === 'succeeded');
    expect(events.of('attempt-settled')).toHaveLength(1);
  });

  it('has each its own deadline', async () => {
    register({ maxAttempts: 1, workerCount: 10, attemptTimeout: 150 }, async ({ payload, signal }) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      aborted.push(payload);
    });
    const aborted: number[] = [];
    for (let n = 0; n < 8; n++) {
      await push(n);
      await until(() => events.of('tasks-claimed').length > n);
    }
    await until(() => aborted.length === 8 && events.of('attempt-settled').length === 8);
    expect(aborted).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(
      Math.min(...events.of('attempt-settled').map(({ durationMs }) => durationMs)),
    ).toBeGreaterThanOrEqual(150);
  });
});

describe('H6: a handler that ignores its signal', () => {
  it('is told of, and its late end changes nothing, however it ends', async () => {
    register({ maxAttempts: 1, workerCount: 2 }, async ({ payload }) => {
      await end.promise;
      if (payload === 'rejects') throw new Error('too late');
    });
    await push('rejects');
    await push('resolves');
    await until(async () => (await stored()).every(({ status }) => status === 'no_attempts_left'));
    const abandoned = await until(
      () => events.of('handler-abandoned').length === 2 && events.of('handler-abandoned'),
    );
    expect(abandoned).toMatchObject([{ attempt: 1 }, { attempt: 1, abandoned: 2 }]);
    const before = await stored();
    end.resolve();
    // What ends now would be written before what ends later.
    const other = newKind();
    app.queue.registerKind(other, () => undefined);
    await app.queue.pushTask({ kind: other, payload: 0 });
    await events.first('attempt-settled', ({ kind }) => kind === other.kind);
    expect(await stored()).toEqual(before.map((row) => ({ ...row, due_in: expect.any(Number) })));
    expect(events.of('attempt-settled')).toHaveLength(3);
  });

  it('does not run beside its own retry in one process', async () => {
    let running = 0;
    let most = 0;
    let starts = 0;
    register({ workerCount: 5 }, async () => {
      most = Math.max(most, (running += 1));
      starts += 1;
      // Three times as long as it may.
      await new Promise((resolve) => setTimeout(resolve, 300));
      running -= 1;
    });
    await push();
    await until(() => starts >= 3, 20_000);
    expect(most).toBe(1);
    await until(() => running === 0);
  });

  it('that never ends costs no slot for ever: 10 of them with 2 slots, and 10 good ones', async () => {
    register({ workerCount: 2 }, ({ payload }) => (payload === 'bad' ? ignoreSignal() : undefined));
    const tasks = Array.from({ length: 20 }, (_, n) => ({
      kind: definition,
      payload: n % 2 ? 'good' : 'bad',
    }));
    await app.queue.pushTasks(tasks);
    const succeeded = async () => (await stored()).filter(({ status }) => status === 'succeeded').length;
    await until(async () => (await succeeded()) === 10, 20_000);
    await until(async () =>
      (await stored()).filter(({ payload }) => payload === 'bad').every(({ messages }) => messages !== null),
    );
    const bad = (await stored()).filter(({ payload }) => payload === 'bad');
    expect(new Set(bad.flatMap(({ messages }) => messages))).toEqual(new Set(['timed out after 100 ms']));
  });

  it('withholds its slot once ten for each slot never ended, and gives it back when they end', async () => {
    let starts = 0;
    register({ workerCount: 1, maxAttempts: 1 }, () => (starts++, end.promise));
    for (let n = 0; n < 13; n++) await push();
    await until(
      async () => (await stored()).filter(({ status }) => status === 'no_attempts_left').length === 11,
    );
    await until(() => events.of('saturated').length > 0);
    expect(starts).toBe(11);
    end.resolve();
    await until(() => starts === 13);
  });

  it('does not hold up another kind', async () => {
    register({ workerCount: 1 }, ignoreSignal);
    for (let n = 0; n < 5; n++) await push();
    await until(() => events.of('handler-abandoned').length >= 1);
    const other = newKind();
    app.queue.registerKind(other, () => undefined);
    await app.queue.pushTask({ kind: other, payload: 0 });
    const settled = await events.first('attempt-settled', ({ kind }) => kind === other.kind, 2000);
    expect(settled.as).toBe('succeeded');
  });

  it('does not hold up a stop for longer than the shutdown time and a little', async () => {
    const reasons: unknown[] = [];
    register({ attemptTimeout: '1m', maxAttempts: 3 }, ({ signal }) => {
      signal.addEventListener('abort', () => reasons.push(signal.reason));
      return end.promise;
    });
    await push();
    await until(async () => (await stored())[0]!.lease_id !== null);
    const startedAt = performance.now();
    await app.queue.stop();
    expect(performance.now() - startedAt).toBeLessThan(5000);
    expect(reasons).toEqual([expect.any(ShutdownError)]);
    expect(await stored()).toMatchObject([
      { status: 'must_retry', lease_id: null, attempts_left: 3, attempts_elapsed: 0, messages: null },
    ]);
    expect(events.of('stopped')).toEqual([{ type: 'stopped', released: 1 }]);
  });

  it('can not complete its task in a transaction after its time', async () => {
    const late = deferred<unknown>();
    register({ maxAttempts: 1 }, async (task) => {
      await end.promise;
      late.resolve(await rejectionOf(app.dataSource.transaction((manager) => task.completeIn(manager))));
    });
    await push();
    await until(async () => (await stored())[0]!.status === 'no_attempts_left');
    end.resolve();
    expect(await late.promise).toMatchObject({ code: 'PGQUEUE_LEASE_LOST' });
    expect(await stored()).toMatchObject([{ status: 'no_attempts_left' }]);
  });
});

describe('H7: an attemptTimeout of weeks', () => {
  it('does not end at once', async () => {
    register({ attemptTimeout: 2 ** 31 - 1 }, () => new Promise((resolve) => setTimeout(resolve, 100)));
    await push();
    const { as } = await events.first('attempt-settled');
    expect(as).toBe('succeeded');
  });
});

const push = (payload: unknown = 0) => app.queue.pushTask({ kind: definition, payload });
const stored = () => app.stored(`kind = ${definition.kind}`);

function register(options: KindOptions, handler: (task: Task<any>) => unknown): void {
  definition = newKind({ attemptTimeout: 100, ...options });
  app.queue.registerKind(definition, handler);
}

/** Never ends before the test does, whatever its signal says. */
const ignoreSignal = () => end.promise;

let definition = newKind();
