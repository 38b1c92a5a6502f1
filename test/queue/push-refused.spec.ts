import { beforeEach, describe, expect } from 'vitest';
import { z } from 'zod';
import {
  defineTask,
  InvalidOptionError,
  InvalidTaskError,
  type NewTask,
  type PushOptions,
} from '../../lib/index.js';
import { databasePerFile, newKind, type Recipe, rejectionOf, thrownBy } from '../support/index.js';

const { it, app, openApp } = databasePerFile({ app: () => LOGGING });

beforeEach(() => statements.splice(0));

const definition = newKind();
const good: NewTask = { kind: definition, payload: { a: 1 } };

describe('a task is refused before anything is written', () => {
  it.each([
    32_768,
    -32_769,
    1.5,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    '1',
    '1; DROP TABLE pgqueue',
    null,
    undefined,
    true,
    1n,
    [],
  ])('for the kind %o', async (kind) => {
    const errors = await refusals({ kind, payload: 0 });
    expect(errors.map(({ field }) => field)).toEqual(['task.kind', 'tasks[1].kind']);
    const [{ message, value }] = errors;
    const given = Array.isArray(kind) ? undefined : kind;
    expect(message).toMatch(
      new RegExp(
        `^task\\.kind: must be an integer from -32768 to 32767, ${given === undefined ? 'but is missing$' : 'got '}`,
      ),
    );
    expect(value).toEqual(given);
  });

  it('for a hand-made definition of a wrong kind', async () => {
    const [error] = await refusals({ kind: { kind: 40_000 }, payload: 0 });
    expect(error.message).toBe('task.kind: must be an integer from -32768 to 32767, got 40000');
  });

  it.each([
    ['', '""'],
    ['a\u0000b', '[object String]'],
    ['\ud800', '[object String]'],
    ['x'.repeat(513), '[object String]'],
    [5, '[object Number]'],
    [true, 'true'],
    [{}, '[object Object]'],
    [5n, '[object bigint]'],
    [Symbol('key'), '[object symbol]'],
  ])('H24, H28, H30: for the key %#', async (externalKey, shown) => {
    const errors = await refusals({ kind: definition, payload: 0, externalKey });
    expect(errors.map(({ field }) => field)).toEqual(['task.externalKey', 'tasks[1].externalKey']);
    expect(errors[0].message).toMatch(/^task\.externalKey: must /);
    expect(errors[0].message.endsWith(`, got ${shown}`)).toBe(true);
  });

  it.each([
    [1n, ''],
    [circular(), ''],
    [() => 1, ''],
    [undefined, ''],
    [{ items: [{ price: Number.NaN }] }, '.items[0].price'],
    [{ items: new Map() }, '.items'],
    [[undefined], '[0]'],
    ['x'.repeat(1024 * 1024), ''],
  ])('H29, H30: for the payload %#', async (payload, part) => {
    const errors = await refusals({ kind: definition, payload });
    expect(errors.map(({ field }) => field)).toEqual([`task.payload${part}`, `tasks[1].payload${part}`]);
  });

  it.each([undefined, null, 5, 'task', () => 1])('for %o in place of a task', async (task) => {
    const errors = await refusals(task);
    expect(errors.map(({ field }) => field)).toEqual(['task', 'tasks[1]']);
  });

  it.each([
    ['delay', -1],
    ['delay', Number.NaN],
    ['delay', Number.POSITIVE_INFINITY],
    ['delay', '200 years'],
    ['delay', 'soon'],
    ['delay', null],
    ['delay', 5n],
    ['priority', -1],
    ['priority', 10],
    ['priority', 1.5],
    ['priority', '5'],
    ['priority', null],
    ['priority', Number.NaN],
    ['onConflict', 'merge'],
    ['onConflict', null],
  ])('H7: for the option %s: %o', async (option, value) => {
    const errors = await refusals(good, { [option]: value } as PushOptions);
    for (const error of errors) {
      expect(error.field).toBe(option);
      expect(error.value).toBe(value);
      expect(error.message).toMatch(new RegExp(`^${option}: must be .+, got .+$`));
    }
  });

  it('for an option that there is not', async () => {
    for (const error of await refusals(good, { dealy: '1h' } as PushOptions)) {
      expect(error.code).toBe('PGQUEUE_INVALID_TASK');
      expect(error.message).toBe('dealy: is not an option of a push, got "1h"');
    }
  });

  it('for a field that a task does not have', async () => {
    const errors = await refusals({ ...good, priority: 1 });
    expect(errors.map(({ field }) => field)).toEqual(['task.priority', 'tasks[1].priority']);
    expect(errors[0].message).toContain('delay and priority are options of the push');
  });

  it.each([undefined, null, 5, 'tasks', { length: 1 }, new Set([good])])(
    'for %o in place of a list of tasks',
    async (tasks) => {
      const error = await rejectionOf(app.queue.pushTasks(tasks as never));
      expect(error).toBeInstanceOf(InvalidTaskError);
      expect(error).toMatchObject({ field: 'tasks', value: tasks });
    },
  );

  it('for a payload that does not fit the schema, by definition and by number', async () => {
    const typed = defineTask({ ...newKind(), payload: z.object({ userId: z.number() }) });
    app.queue.registerKind(typed, () => undefined);
    for (const kind of [typed, typed.kind]) {
      const errors = await refusals({ kind, payload: { userId: 'five' } });
      expect(errors.map(({ field }) => field)).toEqual(['task.payload', 'tasks[1].payload']);
      expect(errors[0].message).toContain('does not fit its schema (userId: ');
    }
  });

  it('and nothing of a batch is stored', () => expect(app.stored()).resolves.toEqual([]));
});

describe('the limit of the payload', () => {
  it('is counted in bytes of JSON, and can be set', async () => {
    const small = await openApp({
      options: { autoStart: false, maxPayloadBytes: 100 },
    });
    const push = (payload: string) => small.queue.pushTask({ kind: definition, payload });
    await expect(push('x'.repeat(98))).resolves.toMatchObject({ status: 'pushed' });
    await expect(push('x'.repeat(99))).rejects.toThrow(
      'task.payload: must be at most 100 bytes of JSON, got "101 bytes"',
    );
    await expect(push('€'.repeat(33))).rejects.toThrow(InvalidTaskError);
    await small.close();
  });
});

describe('cancelTaskByKey', () => {
  it.each(['', 'a\u0000b', 'x'.repeat(513), '\udc00', null, undefined, 5, {}])(
    'refuses the key %o',
    async (externalKey) => {
      const error = await rejectionOf(app.queue.cancelTaskByKey(definition, externalKey as string));
      expect(error).toBeInstanceOf(InvalidTaskError);
      expect(error).toMatchObject({ field: 'externalKey' });
      expect(statements).toEqual([]);
    },
  );
});

describe('retryTasks', () => {
  const wrong = [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '5', null, 5n];

  it.each([...wrong, 32_768])('refuses the attempts %o', async (attempts) => {
    const error = await rejectionOf(app.queue.retryTasks(definition, { attempts: attempts as number }));
    expect(error).toBeInstanceOf(InvalidOptionError);
    expect(error).toMatchObject({ field: 'attempts', value: attempts });
    expect(statements).toEqual([]);
  });

  it.each(wrong)('refuses the limit %o', async (limit) => {
    const error = await rejectionOf(app.queue.retryTasks(definition, { limit: limit as number }));
    expect(error).toBeInstanceOf(InvalidOptionError);
    expect(error).toMatchObject({ field: 'limit', value: limit });
    expect(statements).toEqual([]);
  });
});

describe('defineTask', () => {
  it.each([32_768, -32_769, 1.5, Number.NaN, '1', null, undefined])('refuses the kind %o', (kind) => {
    const error = thrownBy(() => defineTask({ kind: kind as number }));
    expect(error).toBeInstanceOf(InvalidOptionError);
    expect(error).toMatchObject({ field: 'kind', value: kind });
  });

  it.each([null, 5, {}, () => 1, { '~standard': {} }])('refuses the schema %o', (payload) => {
    const error = thrownBy(() => defineTask({ kind: 1, payload: payload as never }));
    expect(error).toBeInstanceOf(InvalidOptionError);
    expect(error).toMatchObject({ field: 'kind 1: payload', value: payload });
  });
});

function ignore(): void {}

/** What a push of one task, and of a batch with it, is refused with; nothing may have been sent to the database. */
async function refusals(task: unknown, options?: PushOptions): Promise<[InvalidTaskError, InvalidTaskError]> {
  const alone = await rejectionOf(app.queue.pushTask(task as NewTask, options));
  const batch = await rejectionOf(app.queue.pushTasks([good, task as NewTask, good], options));
  expect(alone).toBeInstanceOf(InvalidTaskError);
  expect(batch).toBeInstanceOf(InvalidTaskError);
  expect(statements).toEqual([]);
  return [alone as InvalidTaskError, batch as InvalidTaskError];
}

const logger = {
  logQuery: (statement: string) => statements.push(statement),
  logQueryError: ignore,
  logQuerySlow: ignore,
  logSchemaBuild: ignore,
  logMigration: ignore,
  log: ignore,
};

const statements: string[] = [];

function circular(): object {
  const object: Record<string, unknown> = {};
  object['self'] = object;
  return object;
}

const LOGGING: Recipe = { options: { autoStart: false }, typeorm: { logging: true, logger } };
