import fc from 'fast-check';
import { beforeEach, describe, expect } from 'vitest';
import { z } from 'zod';
import { defineTask, MustCancelTaskError, type Task, TaskPayloadError } from '../../lib/index.js';
import { databasePerFile, newKind, until } from '../support/index.js';
import { anyText } from '../support/texts.js';

const { it, app, openApp } = databasePerFile({ app: {} });

beforeEach(() => {
  definition = newKind({ workerCount: 100 });
  received = [];
});

describe('H28: a payload comes to the handler as it was pushed', () => {
  it.each([
    [null],
    [0],
    [''],
    [false],
    [[]],
    [{}],
    ['\u0000'],
    [{ '\u0000': 'a\u0000b' }],
    ['\ud800 \udc00 \udc00\ud800'],
    ['😀👩‍👩‍👧‍👦 ‏عربى é é \u2028\u2029 \r\n\t\\"\''],
    [Number.MAX_SAFE_INTEGER],
    [Number.MIN_SAFE_INTEGER],
    [2 ** 53 + 2],
    [1.7976931348623157e308],
    [5e-324],
    [0.1 + 0.2],
    [1e21],
    [[[[[{ a: [null, [true]] }]]]]],
    [{ a: { $ref: '1' }, $1: '$1', '%s': '%d' }],
    [JSON.parse('{"__proto__":{"admin":true},"constructor":1,"toString":2}')],
  ])('%j', async (payload) => {
    register();
    expect(await roundTrip([payload])).toStrictEqual([payload]);
    expect({}).not.toHaveProperty('admin');
  });

  it('with its keys in their order', async () => {
    register();
    const payload = JSON.parse('{"z":1,"a":2,"é":3,"":4,"zz":{"y":1,"b":2}}');
    expect(JSON.stringify(await roundTrip([payload]))).toBe(JSON.stringify([payload]));
  });

  it('but for what JSON writes otherwise', async () => {
    register();
    const payload = { at: new Date(0), gone: undefined };
    expect(await roundTrip([payload])).toStrictEqual([{ at: '1970-01-01T00:00:00.000Z' }]);
  });

  it('whatever JSON can say', async () => {
    register();
    const double = fc
      .double({ noNaN: true, noDefaultInfinity: true })
      .filter((number) => !Object.is(number, -0));
    const values = [anyText(), double, fc.integer(), fc.boolean(), fc.constant(null)];
    const payloads = fc.sample(fc.object({ key: anyText(8), values, maxDepth: 5 }), {
      numRuns: 200,
      seed: 7,
    });
    expect((await roundTrip(payloads)).map((value) => JSON.stringify(value))).toEqual(
      payloads.map((value) => JSON.stringify(value)),
    );
  });

  it('at the limit of its size and of its depth', async () => {
    register();
    let deep: unknown = 'bottom';
    for (let depth = 0; depth < 500; depth++) deep = [deep];
    const large = 'x'.repeat(1024 * 1024 - 2);
    const [first, second] = await roundTrip([deep, large]);
    expect(JSON.stringify(first)).toBe(JSON.stringify(deep));
    expect(second === large).toBe(true);
  });
});

describe('large payloads', () => {
  it('H30: of 10 MB are carried where the limit is raised, and several of them are claimed at once', async () => {
    const worker = await openApp({
      options: { maxPayloadBytes: 16 * 1024 * 1024 },
    });
    const lengths: number[] = [];
    worker.queue.registerKind(definition, ({ payload }) => lengths.push((payload as string).length));
    const task = { kind: definition, payload: 'x'.repeat(10_000_000) };
    await worker.queue.pushTasks([task, task, task]);
    await until(() => lengths.length === 3, 20_000);
    expect(lengths).toEqual([10_000_000, 10_000_000, 10_000_000]);
    await worker.close();
  });

  it('H30: of 10 kB are stored whole in a batch of 10,000', async () => {
    const tasks = Array.from({ length: 10_000 }, (_, n) => ({
      kind: definition,
      payload: `${n} ${'x'.repeat(10_000)}`,
    }));
    const results = await app.queue.pushTasks(tasks);
    expect(new Set(results.map(({ id }) => id)).size).toBe(10_000);
    const [{ count, first, last }] = await app.dataSource.query(
      `SELECT count(*)::int, left(min(payload::text), 3) AS first, sum(length(payload::text))::int AS last
       FROM pgqueue WHERE kind = $1`,
      [definition.kind],
    );
    expect({ count, first }).toEqual({ count: 10_000, first: '"0 ' });
    expect(last).toBe(tasks.reduce((sum, { payload }) => sum + payload.length + 2, 0));
    await app.dataSource.query('DELETE FROM pgqueue WHERE kind = $1', [definition.kind]);
  });
});

describe('H31: hostile text stays data', () => {
  const hostile = [
    `'; DROP TABLE pgqueue; --`,
    `"); DELETE FROM pgqueue; --`,
    `{"a","b"} {} [] NULL null \\N \\ \\\\ \\'`,
    `%s %d %n $1 \${1} ? :name @x`,
    `line\nbreak\r\n\ttab \u001b[31mred`,
    `<script>alert(1)</script> ../../etc/passwd`,
    `,,"'\`$$tag$$ E'\\x00'`,
  ];

  it('in keys and payloads', async () => {
    register();
    const tasks = hostile.map((text) => ({ kind: definition, payload: { [text]: text }, externalKey: text }));
    await app.queue.pushTasks(tasks);
    await until(() => received.length === hostile.length);
    const seen = new Map(received.map(({ externalKey, payload }) => [externalKey, payload]));
    expect(seen).toEqual(new Map(hostile.map((text) => [text, { [text]: text }])));
    expect(await app.queue.pushTasks(tasks)).toEqual(
      hostile.map(() => expect.objectContaining({ status: 'duplicate' })),
    );
    for (const text of hostile) {
      expect(await app.queue.cancelTaskByKey(definition, `no ${text}`)).toBe(false);
    }
  });

  it('in the messages of errors, several of them to a task', async () => {
    definition = newKind({
      maxTaskErrorMessages: hostile.length,
      maxAttempts: hostile.length,
      backoff: () => 0,
    });
    app.queue.registerKind(definition, ({ attempt }) => {
      throw new Error(hostile[attempt - 1]);
    });
    await app.queue.pushTask({ kind: definition, payload: 0 });
    await until(async () => (await stored())[0]!.status === 'no_attempts_left');
    expect((await stored())[0]!.messages).toEqual(hostile);
  });

  it('in the reason of a cancel', async () => {
    app.queue.registerKind(definition, ({ payload }) => {
      throw new MustCancelTaskError(payload as string);
    });
    await app.queue.pushTasks(hostile.map((payload) => ({ kind: definition, payload })));
    await until(async () => (await stored()).every(({ status }) => status === 'cancelled'));
    expect((await stored()).map(({ messages }) => messages)).toEqual(hostile.map((text) => [text]));
  });

  it('in the names of kinds and of worker processes', async () => {
    for (const text of hostile) {
      definition = newKind({ name: `${text}` });
      const worker = await openApp({ options: { workerName: text } });
      const events = worker.recordEvents();
      worker.queue.registerKind(definition, () => undefined);
      await worker.queue.pushTask({ kind: definition, payload: 0 });
      const settled = await events.first('attempt-settled');
      expect(settled).toMatchObject({ name: text, as: 'succeeded' });
      const leases: { worker: string }[] = await app.dataSource.query('SELECT worker FROM pgqueue_lease');
      expect(leases.map(({ worker: name }) => name)).toContain(text);
      await worker.close();
    }
  });
});

describe('the schema of a definition', () => {
  it('is checked at push, and gives the handler what it makes of the payload', async () => {
    const schema = z.object({ userId: z.coerce.number(), at: z.coerce.date() });
    const typed = defineTask({ ...newKind(), payload: schema });
    const payloads: unknown[] = [];
    app.queue.registerKind(typed, ({ payload }) => payloads.push(payload));
    const task = { kind: typed, payload: { userId: '5', at: '2026-01-02' } };
    await app.queue.pushTask(task);
    await until(() => payloads.length === 1);
    expect(payloads).toStrictEqual([{ userId: 5, at: new Date('2026-01-02') }]);
    const [row] = await app.stored(`kind = ${typed.kind}`);
    expect(row!.payload).toEqual(task.payload);
  });

  it('is checked again before the handler runs: what no longer fits fails, with its reason, and is retried', async () => {
    const base = newKind({ maxAttempts: 2, backoff: () => 0 });
    const typed = defineTask({ ...base, payload: z.object({ userId: z.number() }) });
    let ran = 0;
    const events = app.recordEvents();
    app.queue.registerKind(typed, () => {
      ran += 1;
    });
    // Pushed by a producer of the version before.
    const { payload: _, ...older } = typed;
    await app.queue.pushTask({ kind: older, payload: { user: 5 } });
    const { error } = await events.first('attempt-settled', ({ exhausted }) => exhausted);
    expect(error).toBeInstanceOf(TaskPayloadError);
    const [row] = await app.stored(`kind = ${typed.kind}`);
    expect(row).toMatchObject({
      status: 'no_attempts_left',
      messages: [expect.stringMatching(/^the stored payload does not fit its schema \(userId: /)],
    });
    expect(ran).toBe(0);
  });
});

it('an object that is used again for the next push stays what it was at the first', async () => {
  const typed = defineTask({ ...newKind(), payload: z.object({ userId: z.number() }) });
  const task: { kind: typeof typed; payload: unknown; externalKey: string } = {
    kind: typed,
    payload: { userId: 1 },
    externalKey: 'first',
  };
  const first = app.queue.pushTask(task as never);
  task.payload = 'which no schema has seen';
  task.externalKey = 'second';
  await first;
  const [row] = await app.stored(`kind = ${typed.kind}`);
  expect(row).toMatchObject({ payload: { userId: 1 }, external_key: 'first' });
});

const stored = () => app.stored(`kind = ${definition.kind}`);

/** What handlers are given for these payloads, in their order. */
async function roundTrip(payloads: readonly unknown[]): Promise<unknown[]> {
  const start = received.length;
  await app.queue.pushTasks(payloads.map((payload) => ({ kind: definition, payload })));
  await until(() => received.length === start + payloads.length);
  return received
    .slice(start)
    .toSorted((a, b) => Number(a.id) - Number(b.id))
    .map(({ payload }) => payload);
}

function register(): void {
  app.queue.registerKind(definition, (task) => {
    received.push(task);
  });
}

let definition = newKind();
let received: Task[] = [];
