import { describe, expect } from 'vitest';
import { defineTask, type NewTask, type Priority, UnexpectedTaskKindError } from '../../lib/index.js';
import { databasePerFile, IDLE, newKind, until } from '../support/index.js';

const YEAR = 365.25 * 24 * 3600 * 1000;

const { it, app, openApp } = databasePerFile({ app: IDLE });

describe('pushTask', () => {
  it('stores a new task that is due now, with the defaults', async () => {
    const definition = newKind();
    const result = await app.queue.pushTask({ kind: definition, payload: { a: 1 } });
    expect(result).toEqual({ id: expect.stringMatching(/^\d+$/), status: 'pushed' });
    const [task] = await tasksOf(definition);
    expect(task).toMatchObject({
      id: result.id,
      status: 'new',
      kind: definition.kind,
      priority: 5,
      attempts_left: 32_767,
      attempts_elapsed: 0,
      external_key: null,
      lease_id: null,
      messages: null,
      payload: { a: 1 },
    });
    expect(task!.due_in).toBeLessThanOrEqual(0);
    expect(task!.due_in).toBeGreaterThan(-10_000);
  });

  it('stores the key, the priority and the attempts', async () => {
    const definition = newKind({ maxAttempts: 7 });
    await app.queue.pushTask({ kind: definition, payload: 0, externalKey: 'a key' }, { priority: 0 });
    expect(await tasksOf(definition)).toMatchObject([
      { external_key: 'a key', priority: 0, attempts_left: 7, payload: 0 },
    ]);
  });

  it.each([
    [0, 0],
    [1.5, 2],
    [60_000, 60_000],
    ['90s', 90_000],
    ['60 days', 5_184_000_000],
    ['99 years', 99 * YEAR],
  ])('H7: stores a delay of %o by the clock of the database', async (delay, expected) => {
    const definition = newKind();
    await app.queue.pushTask({ kind: definition, payload: 0 }, { delay });
    const [task] = await tasksOf(definition);
    expect(task!.due_in).toBeLessThanOrEqual(expected);
    expect(task!.due_in).toBeGreaterThan(expected - 10_000);
  });

  it('takes the number of a kind that is registered here', async () => {
    const definition = newKind({ maxAttempts: 3 });
    app.queue.registerKind(definition, () => undefined);
    await app.queue.pushTask({ kind: definition.kind, payload: 0 });
    expect(await tasksOf(definition)).toMatchObject([{ attempts_left: 3 }]);
  });

  it('refuses a bare number that is not registered here, whoever else may know it', async () => {
    const definition = newKind();
    await app.queue.pushTask({ kind: definition, payload: 0 });
    for (const push of [
      () => app.queue.pushTask({ kind: definition.kind, payload: 0 }),
      () =>
        app.queue.pushTasks([
          { kind: definition, payload: 0 },
          { kind: definition.kind, payload: 0 },
        ]),
      () => app.queue.cancelTaskByKey(definition.kind, 'key'),
      () => app.queue.retryTasks(definition.kind),
    ]) {
      const error = await push().catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(UnexpectedTaskKindError);
      expect(error).toMatchObject({ kind: definition.kind, code: 'PGQUEUE_UNEXPECTED_KIND' });
    }
    expect(await tasksOf(definition)).toHaveLength(1);
  });

  it.each([-32_768, 32_767])('takes the kind %d', async (kind) => {
    const definition = defineTask({ kind });
    await app.queue.pushTask({ kind: definition, payload: 0 });
    expect(await tasksOf(definition)).toHaveLength(1);
  });

  it('uses the attempts of the definition in a process without the handler', async () => {
    const [few, many] = [newKind({ maxAttempts: 2 }), newKind({ maxAttempts: 20 })];
    await app.queue.pushTasks([
      { kind: few, payload: 0 },
      { kind: many, payload: 0 },
    ]);
    expect(await tasksOf(few)).toMatchObject([{ attempts_left: 2 }]);
    expect(await tasksOf(many)).toMatchObject([{ attempts_left: 20 }]);
  });
});

describe('pushTasks', () => {
  it('stores nothing for no tasks', async () => {
    expect(await app.queue.pushTasks([])).toEqual([]);
  });

  it('answers in the order of the tasks, whatever their kinds and keys', async () => {
    const kinds = [newKind(), newKind()];
    const tasks = Array.from({ length: 50 }, (_, n): NewTask => {
      const externalKey = n % 3 === 0 ? null : `key ${(n * 7) % 50}`;
      return { kind: kinds[n % 2]!, payload: { n }, externalKey };
    });
    const results = await app.queue.pushTasks(tasks);
    expect(results).toHaveLength(50);
    const stored = await app.stored(`kind IN (${kinds.map(({ kind }) => kind).join()})`);
    const places = new Map(stored.map(({ id, payload }) => [id, (payload as { n: number }).n]));
    expect(results.map(({ id, status }) => [places.get(id!), status])).toEqual(
      tasks.map((_, n) => [n, 'pushed']),
    );
  });

  it('gives all tasks of a batch the delay and the priority', async () => {
    const definition = newKind();
    const options = { delay: '1h', priority: 9 as Priority };
    await app.queue.pushTasks(
      [
        { kind: definition, payload: 0 },
        { kind: definition, payload: 0, externalKey: 'key' },
      ],
      options,
    );
    const tasks = await tasksOf(definition);
    expect(tasks.map(({ priority }) => priority)).toEqual([9, 9]);
    expect(tasks.every(({ due_in }) => due_in > 3_590_000)).toBe(true);
  });

  it('tells subscribers how many of each kind were stored', async () => {
    const [first, second] = [newKind(), newKind()];
    const events = app.recordEvents();
    await app.queue.pushTasks([
      { kind: first, payload: 0, externalKey: 'key' },
      { kind: first, payload: 0, externalKey: 'key' },
      { kind: second, payload: 0 },
      { kind: second, payload: 0 },
    ]);
    expect(events.of('tasks-pushed')).toEqual([
      { type: 'tasks-pushed', shard: 'default', kind: first.kind, name: first.name, count: 1 },
      { type: 'tasks-pushed', shard: 'default', kind: second.kind, name: second.name, count: 2 },
    ]);
  });
});

describe('the order of tasks', () => {
  it('is by priority, 0 first, and within a level by due time, whatever the order of pushing', async () => {
    const definition = newKind();
    const order = [5, 9, 0, 3, 5, 0, 9, 7, 1, 5] as Priority[];
    for (const [n, priority] of order.entries()) {
      await app.queue.pushTask({ kind: definition, payload: `${priority}${n}` }, { priority });
    }
    const ran: string[] = [];
    await run(definition, order.length, (payload) => ran.push(payload));
    expect(ran).toEqual(['02', '05', '18', '33', '50', '54', '59', '77', '91', '96']);
  });

  it('is first in, first out within a batch', async () => {
    const definition = newKind();
    await app.queue.pushTasks(Array.from({ length: 100 }, (_, n) => ({ kind: definition, payload: n })));
    const ran: number[] = [];
    await run(definition, 100, (payload) => ran.push(payload));
    expect(ran).toEqual(Array.from({ length: 100 }, (_, n) => n));
  });

  it('puts an urgent delayed task that is due before those that wait', async () => {
    const definition = newKind();
    await app.queue.pushTask({ kind: definition, payload: 'usual' });
    await app.queue.pushTask({ kind: definition, payload: 'later' }, { delay: '1h', priority: 0 });
    await app.queue.pushTask({ kind: definition, payload: 'due' }, { delay: 1, priority: 0 });
    await until(async () => (await tasksOf(definition)).filter(({ due_in }) => due_in < 0).length === 2);
    const ran: string[] = [];
    await run(definition, 2, (payload) => ran.push(payload));
    expect(ran).toEqual(['due', 'usual']);
  });
});

const tasksOf = ({ kind }: { kind: number }) => app.stored(`kind = ${kind}`);

/** Runs the tasks of a kind in an application of its own, until `count` have been run. */
async function run(
  definition: ReturnType<typeof newKind>,
  count: number,
  handler: (payload: any) => void,
): Promise<void> {
  let ran = 0;
  const worker = await openApp({ options: { autoStart: false } });
  worker.queue.registerKind(definition, (task) => {
    handler(task.payload);
    ran += 1;
  });
  await worker.queue.start();
  await until(() => ran >= count);
  await worker.close();
}
