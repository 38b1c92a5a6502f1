import { afterEach, describe, expect } from 'vitest';
import type { KindOptions } from '../../lib/index.js';
import { databasePerFile, deferred, newKind, until } from '../support/index.js';

const { it, app } = databasePerFile({}, { app: { options: { autoStart: false, shutdownTimeout: 200 } } });
const { events } = app;

afterEach(() => held.splice(0).forEach((kind) => kind.endAll()));

describe('H34: a live workerCount', () => {
  it('that grows takes effect while all slots are busy', async () => {
    let workerCount = 1;
    const slow = new Held({ workerCount: () => workerCount });
    await app.queue.start();
    await slow.push(6);
    await until(() => slow.running.size === 1);
    await anotherKindRuns();
    expect([...slow.running]).toEqual([0]);
    workerCount = 4;
    await until(() => slow.running.size === 4);
    await anotherKindRuns();
    expect([...slow.running]).toEqual([0, 1, 2, 3]);
  });

  it('that shrinks ends no task, and starts none until fewer run', async () => {
    let workerCount = 3;
    const slow = new Held({ workerCount: () => workerCount });
    await app.queue.start();
    await slow.push(5);
    await until(() => slow.running.size === 3);
    workerCount = 1;
    await slow.end(0);
    await slow.end(1);
    await until(async () => (await slow.stored('succeeded')) === 2);
    await anotherKindRuns();
    expect([...slow.running]).toEqual([2]);
    await slow.end(2);
    await until(() => slow.running.has(3));
    await anotherKindRuns();
    expect([...slow.running]).toEqual([3]);
    expect(slow.most).toBe(3);
    expect(events.of('attempt-settled').every(({ as }) => as === 'succeeded')).toBe(true);
  });

  it('of 0 pauses the kind and no other, and goes on when it grows: 5, 0, 5', async () => {
    let workerCount = 5;
    const slow = new Held({ workerCount: () => workerCount });
    await app.queue.start();
    await slow.push(8);
    await until(() => slow.running.size === 5);
    workerCount = 0;
    for (let n = 0; n < 5; n++) await slow.end(n);
    await until(async () => (await slow.stored('succeeded')) === 5);
    await anotherKindRuns();
    await anotherKindRuns();
    expect(slow.running.size).toBe(0);
    workerCount = 5;
    await until(() => slow.running.size === 3);
    expect([...slow.running]).toEqual([5, 6, 7]);
  });

  it('that is 0 from the start claims nothing until it grows', async () => {
    let workerCount = 0;
    const slow = new Held({ workerCount: () => workerCount });
    await app.queue.start();
    await slow.push(1);
    await anotherKindRuns();
    expect(slow.running.size).toBe(0);
    workerCount = 1;
    await until(() => slow.running.size === 1);
  });

  it('that shrinks below hung handlers stops no other kind', async () => {
    let workerCount = 5;
    const slow = new Held({ workerCount: () => workerCount });
    await app.queue.start();
    await slow.push(5);
    await until(() => slow.running.size === 5);
    workerCount = 1;
    await anotherKindRuns();
    await anotherKindRuns();
    expect(slow.running.size).toBe(5);
  });

  it.each<[string, () => unknown]>([
    ['is negative', () => -1],
    ['is NaN', () => Number.NaN],
    ['is a promise', async () => 5],
    [
      'throws',
      () => {
        throw new Error('no configuration');
      },
    ],
  ])('that %s later keeps its last good value, and the application is told', async (_, wrong) => {
    let read: (() => unknown) | undefined;
    const slow = new Held({ workerCount: () => (read ? read() : 2) as number });
    await app.queue.start();
    await slow.push(6);
    await until(() => slow.running.size === 2);
    read = wrong;
    await slow.end(0);
    await slow.end(1);
    await until(() => slow.running.size === 2 && slow.running.has(3));
    expect(slow.most).toBe(2);
    const { kind, name, error } = await events.first('option-invalid');
    expect({ kind, name, error }).toEqual({ ...pick(slow.definition), error: expect.any(Error) });
    read = () => 4;
    await until(() => slow.running.size === 4);
  });

  it('that is wrong just at the start does not keep the others from starting', async () => {
    let workerCount = 1;
    const slow = new Held({ workerCount: () => workerCount });
    workerCount = Number.NaN;
    await app.queue.start();
    await slow.push(1);
    await anotherKindRuns();
    workerCount = 1;
    await until(() => slow.running.size === 1);
    await slow.end(0);
    await app.queue.stop();
    expect(await slow.stored('succeeded')).toBe(1);
    expect(await app.dataSource.query('SELECT id FROM pgqueue_lease')).toEqual([]);
  });
});

describe('other live values', () => {
  it('of terminalTasksTtl is read when a task ends', async () => {
    let ttl: number | string = '1h';
    const slow = new Held({ workerCount: 3, terminalTasksTtl: () => ttl });
    await app.queue.start();
    await slow.push(3);
    await slow.end(0);
    await until(async () => (await slow.stored('succeeded')) === 1);
    ttl = 0;
    await slow.end(1);
    await until(async () => (await slow.stored('new')) === 1);
    ttl = 'nonsense';
    await slow.end(2);
    await until(async () => (await slow.stored('succeeded')) === 2);
    expect(events.of('option-invalid').map(({ kind }) => kind)).toEqual([slow.definition.kind]);
  });

  it('of the periods that are wrong later stop neither the poll nor the janitor', async () => {
    let period: number = 20;
    let ttl: number = 1_000_000;
    const definition = newKind({
      terminalTasksTtl: () => ttl,
      loop: { fetcherPeriod: () => period, janitorPeriod: () => (period === 20 ? 250 : period) },
    });
    app.queue.registerKind(definition, () => undefined);
    await app.queue.start();
    await app.queue.pushTask({ kind: definition, payload: 0 });
    await events.first('attempt-settled');
    await events.first('tasks-expired');
    period = Number.NaN;
    const told = () => events.of('option-invalid').map(({ error }) => (error as Error).message);
    await until(() =>
      ['fetcherPeriod', 'janitorPeriod'].every((name) => told().some((text) => text.includes(name))),
    );
    ttl = 1;
    await events.first('tasks-expired', ({ kind, count }) => kind === definition.kind && count === 1);
    expect(await app.stored(`kind = ${definition.kind}`)).toEqual([]);
  });
});

describe('registerKind', () => {
  it('takes effect at once in a process that had no handlers', async () => {
    await app.queue.start();
    expect(events.of('started')).toEqual([{ type: 'started', kinds: [] }]);
    const slow = new Held({});
    await slow.push(1);
    await until(() => slow.running.size === 1);
  });

  it('takes effect at once beside other kinds, for tasks that waited and for those to come', async () => {
    const first = new Held({ workerCount: 2 });
    await app.queue.start();
    await first.push(1);
    await until(() => first.running.size === 1);
    const definition = newKind({ loop: { fetcherPeriod: '1h' } });
    await app.queue.pushTask({ kind: definition, payload: 'waited' });
    const ran: unknown[] = [];
    app.queue.registerKind(definition, ({ payload }) => ran.push(payload));
    await app.queue.pushTask({ kind: definition.kind, payload: 'came' });
    await until(() => ran.length === 2);
    expect(ran).toEqual(['waited', 'came']);
    expect(first.running.size).toBe(1);
  });

  it('holds over a stop and a start', async () => {
    const slow = new Held({});
    await app.queue.start();
    await app.queue.stop();
    await slow.push(1);
    await app.queue.start();
    await until(() => slow.running.size === 1);
    expect(events.of('started')).toHaveLength(2);
  });
});

/** A kind whose handlers run until the test ends them, one by one or all. */
class Held {
  readonly definition;
  readonly running = new Set<unknown>();
  most = 0;
  private readonly ends = new Map<unknown, () => void>();
  private ended = false;

  constructor(options: KindOptions) {
    this.definition = newKind(options);
    held.push(this);
    app.queue.registerKind(this.definition, async ({ payload }) => {
      if (this.ended) return;
      const end = deferred();
      this.ends.set(payload, end.resolve);
      this.running.add(payload);
      this.most = Math.max(this.most, this.running.size);
      await end.promise;
      this.running.delete(payload);
    });
  }

  push(count: number) {
    const tasks = Array.from({ length: count }, (_, payload) => ({ kind: this.definition, payload }));
    return app.queue.pushTasks(tasks);
  }

  async end(payload: unknown): Promise<void> {
    await until(() => this.ends.has(payload));
    this.ends.get(payload)!();
  }

  endAll(): void {
    this.ended = true;
    this.ends.forEach((end) => end());
  }

  async stored(status: string) {
    return (await app.stored(`kind = ${this.definition.kind} AND status = '${status}'`)).length;
  }
}

/** Runs a task of another kind: the worker has looked for work since. */
async function anotherKindRuns(): Promise<void> {
  const definition = newKind();
  app.queue.registerKind(definition, () => undefined);
  await app.queue.pushTask({ kind: definition, payload: 0 });
  await events.first('attempt-settled', ({ kind }) => kind === definition.kind);
}

function pick({ kind, name }: { kind: number; name?: string }) {
  return { kind, name };
}

const held: Held[] = [];
