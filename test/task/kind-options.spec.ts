import { describe, expect, it } from 'vitest';
import { noJitter } from '../../lib/task/backoff.js';
import { assertRunnable, type KindOptions, resolveKindOptions } from '../../lib/task/kind-options.js';
import { InvalidOptionError } from '../../lib/errors/pg-queue.errors.js';
import { thrownBy } from '../support/thrown-by.js';

const DAY = 24 * 3600 * 1000;

function resolve(options: Record<string, unknown>) {
  return resolveKindOptions(7, { name: 'mail' }, options as KindOptions);
}

function refusal(action: () => unknown): InvalidOptionError {
  const error = thrownBy(action);
  expect(error).toBeInstanceOf(InvalidOptionError);
  return error as InvalidOptionError;
}

const NOT_NUMBERS = ['5', '', null, true, {}, [], [5], 5n, new Date(), Promise.resolve(5)];
const NO_INTEGERS = [...NOT_NUMBERS, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1.5, -1];
const NO_DURATIONS = [
  '',
  'soon',
  '1 fortnight',
  null,
  true,
  {},
  [],
  [5],
  5n,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  -1,
  '-1s',
];
const NO_TIMERS = [...NO_DURATIONS, 0, '0', 2 ** 31, '25d', '1 year'];

describe('the defaults of a kind', () => {
  it('are those of the documentation', () => {
    const resolved = resolveKindOptions(7);
    expect(resolved).toMatchObject({
      kind: 7,
      name: 'pgqueue-7',
      maxAttempts: 32_767,
      maxTaskErrorMessages: 1,
      attemptTimeoutMs: undefined,
      backoff: undefined,
    });
    expect(resolved.workerCount()).toBe(1);
    expect(resolved.terminalTasksTtlMs()).toBe(3 * DAY);
    expect(resolved.janitorPeriodMs()).toBe(3_600_000);
    expect(resolved.fetcherPeriodMs()).toBe(1500);
  });

  it('are used for undefined, and only for it', () => {
    const nothing = {
      name: undefined,
      workerCount: undefined,
      maxAttempts: undefined,
      maxTaskErrorMessages: undefined,
      terminalTasksTtl: undefined,
      loop: undefined,
    } as unknown as KindOptions;
    expect(resolveKindOptions(7, nothing)).toMatchObject({ name: 'pgqueue-7', maxAttempts: 32_767 });
    expect(resolveKindOptions(7, { maxAttempts: 3 }, nothing).maxAttempts).toBe(3);
    expect(resolveKindOptions(7, { loop: { fetcherPeriod: undefined } } as never).fetcherPeriodMs()).toBe(
      1500,
    );
  });
});

describe('layers of options', () => {
  it('go later over earlier, option by option', () => {
    const resolved = resolveKindOptions(
      7,
      { name: 'mail', maxAttempts: 10, loop: { fetcherPeriod: 100, janitorPeriod: 200 } },
      { maxAttempts: 5, workerCount: 2, loop: { fetcherPeriod: 300 } },
      undefined,
      { workerCount: 3 },
    );
    expect(resolved).toMatchObject({ name: 'mail', maxAttempts: 5 });
    expect(resolved.workerCount()).toBe(3);
    expect(resolved.fetcherPeriodMs()).toBe(300);
    expect(resolved.janitorPeriodMs()).toBe(200);
  });

  it('are refused in whichever layer the mistake is', () => {
    expect(refusal(() => resolveKindOptions(7, {}, { maxAttempts: 0 }, {})).message).toBe(
      'kind 7 "pgqueue-7": maxAttempts: must be an integer from 1 to 32767, got 0',
    );
  });
});

describe('limits', () => {
  it.each([
    ['maxAttempts', 1, 32_767, [0, 32_768]],
    ['maxTaskErrorMessages', 0, 1000, [-1, 1001]],
    ['workerCount', 0, 100_000, [-1, 100_001]],
  ])('of %s are %d and %d', (option, min, max, beyond) => {
    for (const value of [min, max]) {
      expect(() => resolve({ [option]: value })).not.toThrow();
    }
    for (const value of beyond) {
      expect(refusal(() => resolve({ [option]: value })).value).toBe(value);
    }
  });

  it('H7: of attemptTimeout are those of a timer', () => {
    expect(resolve({ attemptTimeout: 2 ** 31 - 1 }).attemptTimeoutMs).toBe(2_147_483_647);
    expect(resolve({ attemptTimeout: '24d' }).attemptTimeoutMs).toBe(24 * DAY);
  });

  it('of terminalTasksTtl are 0 and a hundred years', () => {
    expect(resolve({ terminalTasksTtl: 0 }).terminalTasksTtlMs()).toBe(0);
    expect(resolve({ terminalTasksTtl: '50 years' }).terminalTasksTtlMs()).toBe(50 * 365.25 * DAY);
    expect(refusal(() => resolve({ terminalTasksTtl: '101 years' })).value).toBe('101 years');
  });
});

describe('a wrong option', () => {
  const wrong: [string, readonly unknown[]][] = [
    ['maxAttempts', NO_INTEGERS],
    ['maxTaskErrorMessages', NO_INTEGERS],
    ['workerCount', NO_INTEGERS],
    ['attemptTimeout', NO_TIMERS],
    ['terminalTasksTtl', NO_DURATIONS],
    ['backoff', [null, 5, '6s', {}, true, []]],
  ];

  it.each(wrong)('%s is refused, naming kind, option and value', (option, values) => {
    for (const value of values) {
      const error = refusal(() => resolve({ [option]: value }));
      expect(error.field).toBe(`kind 7 "mail": ${option}`);
      expect(error.value).toBe(value);
      expect(error.message).toMatch(/^kind 7 "mail": \w+: must be .+, got .+$/);
    }
  });

  it.each(['janitorPeriod', 'fetcherPeriod'])('loop.%s is refused', (option) => {
    for (const value of NO_TIMERS) {
      const error = refusal(() => resolve({ loop: { [option]: value } }));
      expect(error.field).toBe(`kind 7 "mail": loop.${option}`);
      expect(error.value).toBe(value);
    }
  });

  it('loop is refused when it is not an object', () => {
    for (const value of [5, '1s', true, null, [], () => ({})]) {
      const error = refusal(() => resolve({ loop: value }));
      expect(error.field).toMatch(/^kind 7.*: loop$/);
      expect(error.value).toBe(value);
    }
  });

  it('name is refused', () => {
    for (const value of ['', '  ', 'x'.repeat(201), 5, null, {}, 1n, Symbol('mail')]) {
      const error = refusal(() => resolve({ name: value }));
      expect(error.field).toBe('kind 7: name');
      expect(error.value).toBe(value);
    }
    expect(resolve({ name: 'x'.repeat(200) }).name).toHaveLength(200);
  });

  it('is shown in the message, shortened', () => {
    expect(refusal(() => resolve({ attemptTimeout: 'x'.repeat(1_000_000) })).message.length).toBeLessThan(
      300,
    );
    expect(refusal(() => resolve({ workerCount: 5n })).message).toContain('got 5n');
    expect(refusal(() => resolve({ workerCount: Promise.resolve(5) })).message).toContain(
      'got [object Promise]',
    );
    expect(refusal(() => resolve({ maxAttempts: () => 5 })).message).toContain('got a function');
  });
});

describe('an unknown option', () => {
  it('is refused by its name', () => {
    expect(refusal(() => resolve({ workerCounts: 5 })).message).toBe(
      'kind 7: workerCounts: is not an option of a kind, got 5',
    );
    expect(refusal(() => resolve({ WorkerCount: 5 })).field).toContain('WorkerCount');
  });

  it('is refused in loop', () => {
    expect(refusal(() => resolve({ loop: { fetchPeriod: 5 } })).message).toMatch(
      /^kind 7.*: loop\.fetchPeriod: is not an option of a kind, got 5$/,
    );
  });
});

describe('a live value', () => {
  it('is read each time it is used', () => {
    let count = 1;
    const { workerCount } = resolve({ workerCount: () => count });
    count = 4;
    expect(workerCount()).toBe(4);
  });

  it.each([
    ['workerCount', 'workerCount', 1, -1],
    ['terminalTasksTtl', 'terminalTasksTtlMs', '1s', Number.NaN],
  ] as const)('%s is checked at once and each time it is read', (option, resolved, good, bad) => {
    expect(refusal(() => resolve({ [option]: () => bad })).field).toBe(`kind 7 "mail": ${option}`);
    let value: unknown = good;
    const read = resolve({ [option]: () => value })[resolved];
    value = bad;
    const error = refusal(read);
    expect(error.field).toBe(`kind 7 "mail": ${option}`);
    expect(error.value).toBe(bad);
  });

  it('that is asynchronous is refused', () => {
    expect(refusal(() => resolve({ workerCount: async () => 5 })).field).toBe('kind 7 "mail": workerCount');
  });

  it('that throws stops the registration with its own error', () => {
    const failure = new Error('no configuration');
    expect(() =>
      resolve({
        workerCount: () => {
          throw failure;
        },
      }),
    ).toThrow(failure);
  });
});

describe('assertRunnable', () => {
  const runnable = { attemptTimeout: '1s', backoff: noJitter('1s') };

  it('asks for attemptTimeout and backoff', () => {
    expect(() => assertRunnable(resolve(runnable))).not.toThrow();
    expect(refusal(() => assertRunnable(resolve({ ...runnable, attemptTimeout: undefined }))).message).toBe(
      'kind 7 "mail": attemptTimeout: must be set in defineTask or @TaskHandler, but is missing',
    );
    expect(refusal(() => assertRunnable(resolve({ ...runnable, backoff: undefined }))).field).toBe(
      'kind 7 "mail": backoff',
    );
  });
});
