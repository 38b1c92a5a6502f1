import { describe, expect } from 'vitest';
import {
  type KindOptions,
  MustCancelTaskError,
  MustIgnoreTaskError,
  SnoozeTaskError,
  type Task,
} from '../../lib/index.js';
import { databasePerFile, newKind, until } from '../support/index.js';
import type { StoredTask } from '../support/queue-app.js';

const { it, app } = databasePerFile({ app: {} });
const { events } = app;

describe('the attempts of a task', () => {
  it('count from 1, with those that are left', async () => {
    const seen: unknown[] = [];
    const { row, settledAs } = await run('no_attempts_left', { maxAttempts: 3 }, (task) => {
      seen.push([task.attempt, task.attemptsLeft, task.kind, task.externalKey, task.id, task.signal.aborted]);
      fail();
    });
    const { kind, id } = row;
    expect(seen).toEqual([
      [1, 2, kind, 'key', id, false],
      [2, 1, kind, 'key', id, false],
      [3, 0, kind, 'key', id, false],
    ]);
    expect(row).toMatchObject({ attempts_left: 0, attempts_elapsed: 3, messages: ['failed'] });
    expect(settledAs).toEqual(['failed', 'failed', 'failed']);
    const exhausted = events.of('attempt-settled').filter((event) => event.id === id && event.exhausted);
    expect(exhausted.map(({ attempt }) => attempt)).toEqual([3]);
  });

  it('end with the one that succeeds', async () => {
    const { row, settledAs } = await run('succeeded', { maxAttempts: 5 }, ({ attempt }) => {
      if (attempt < 3) fail(`attempt ${attempt}`);
    });
    expect(row).toMatchObject({ attempts_left: 2, attempts_elapsed: 3, messages: ['attempt 2'] });
    expect(settledAs).toEqual(['failed', 'failed', 'succeeded']);
  });

  it('wait for the backoff, which is told the attempt from 0 on', async () => {
    const asked: number[] = [];
    const starts: number[] = [];
    const backoff = (attempt: number) => {
      asked.push(attempt);
      return 100;
    };
    await run('no_attempts_left', { backoff, maxAttempts: 3 }, () => {
      starts.push(performance.now());
      fail();
    });
    expect(asked).toEqual([0, 1, 2]);
    expect(starts[1]! - starts[0]!).toBeGreaterThanOrEqual(99);
    expect(starts[2]! - starts[1]!).toBeGreaterThanOrEqual(99);
  });

  it('wait for hours when the backoff says so', async () => {
    const { row } = await run('must_retry', { backoff: () => '1h' }, () => fail());
    expect(row).toMatchObject({ attempts_left: 32_766, attempts_elapsed: 1, messages: ['failed'] });
    expect(row.due_in).toBeGreaterThan(3_590_000);
    expect(row.due_in).toBeLessThanOrEqual(3_600_000);
  });

  it.each([
    ['throws', () => fail('no backoff')],
    ['gives NaN', () => Number.NaN],
    ['gives a promise', async () => 5],
  ])('wait a minute when the backoff %s, and the application is told', async (_, backoff) => {
    const { row } = await run('must_retry', { backoff: backoff as never }, () => fail());
    expect(row.due_in).toBeGreaterThan(50_000);
    expect(row.due_in).toBeLessThanOrEqual(60_000);
    expect(events.of('option-invalid').map(({ kind }) => kind)).toContain(row.kind);
  });
});

describe('the messages of errors', () => {
  const options = { maxAttempts: 5 };
  const handler = ({ attempt }: Task) => fail(`attempt ${attempt}`);

  it.each([
    [0, null],
    [1, ['attempt 5']],
    [3, ['attempt 3', 'attempt 4', 'attempt 5']],
    [1000, [1, 2, 3, 4, 5].map((attempt) => `attempt ${attempt}`)],
  ])('are kept, the last %d', async (maxTaskErrorMessages, messages) => {
    const { row } = await run('no_attempts_left', { ...options, maxTaskErrorMessages }, handler);
    expect(row.messages).toEqual(messages);
  });
});

describe('MustCancelTaskError', () => {
  it('cancels with its reason, whatever attempts are left', async () => {
    const { row, settledAs } = await run('cancelled', {}, () => {
      throw new MustCancelTaskError('no such user');
    });
    expect(row).toMatchObject({ messages: ['no such user'], attempts_elapsed: 1 });
    expect(settledAs).toEqual(['cancelled']);
  });

  it('H5: cancels on the last attempt too, and keeps the messages before', async () => {
    const { row, settledAs } = await run(
      'cancelled',
      { maxAttempts: 2, maxTaskErrorMessages: 3 },
      ({ attempt }) => {
        if (attempt === 1) fail('first');
        throw new MustCancelTaskError('enough');
      },
    );
    expect(row).toMatchObject({ attempts_left: 0, messages: ['first', 'enough'] });
    expect(settledAs).toEqual(['failed', 'cancelled']);
  });

  it('keeps its reason even when no messages are kept', async () => {
    const { row } = await run('cancelled', { maxTaskErrorMessages: 0 }, () => {
      throw new MustCancelTaskError('the reason');
    });
    expect(row.messages).toEqual(['the reason']);
  });
});

describe('MustIgnoreTaskError', () => {
  it('uses the attempt, as a failure does, but is counted as ignored', async () => {
    const { row, settledAs } = await run('no_attempts_left', { maxAttempts: 3 }, ({ attempt }) => {
      if (attempt === 2) fail('a real one');
      throw new MustIgnoreTaskError('not ready');
    });
    expect(row).toMatchObject({ attempts_left: 0, attempts_elapsed: 3, messages: ['not ready'] });
    expect(settledAs).toEqual(['ignored', 'failed', 'ignored']);
  });
});

describe('SnoozeTaskError', () => {
  it('gives the attempt back and waits for its delay, on the last attempt too', async () => {
    const starts: [attempt: number, left: number][] = [];
    const times: number[] = [];
    const { row, settledAs } = await run('succeeded', { maxAttempts: 1 }, ({ attempt, attemptsLeft }) => {
      starts.push([attempt, attemptsLeft]);
      times.push(performance.now());
      if (starts.length < 4) throw new SnoozeTaskError(60);
    });
    expect(starts).toEqual([
      [1, 0],
      [1, 0],
      [1, 0],
      [1, 0],
    ]);
    expect(row).toMatchObject({ attempts_left: 0, attempts_elapsed: 1, messages: null });
    expect(settledAs).toEqual(['snoozed', 'snoozed', 'snoozed', 'succeeded']);
    for (let n = 1; n < times.length; n++) {
      expect(times[n]! - times[n - 1]!).toBeGreaterThanOrEqual(59);
    }
  });

  it('waits for years when it says so', async () => {
    const { row } = await run('must_retry', {}, () => {
      throw new SnoozeTaskError('2 years');
    });
    expect(row.due_in).toBeGreaterThan(700 * 24 * 3600 * 1000);
  });
});

describe('a terminal TTL of 0', () => {
  it.each([
    ['success', () => undefined],
    [
      'a cancel',
      () => {
        throw new MustCancelTaskError('gone');
      },
    ],
  ])('deletes the row at once after %s, and frees the key', async (_, handler) => {
    const definition = newKind({ terminalTasksTtl: 0 });
    app.queue.registerKind(definition, handler);
    const push = () => app.queue.pushTask({ kind: definition, payload: 0, externalKey: 'key' });
    expect(await push()).toMatchObject({ status: 'pushed' });
    await until(async () => (await app.stored(`kind = ${definition.kind}`)).length === 0);
    expect(await push()).toMatchObject({ status: 'pushed' });
  });

  it('keeps a task that has no attempts left', async () => {
    const { row } = await run('no_attempts_left', { terminalTasksTtl: 0, maxAttempts: 1 }, () => fail());
    expect(row.messages).toEqual(['failed']);
  });
});

/** Runs one task of a new kind until it is in the status, and answers its row and how its attempts were settled. */
async function run(
  status: string,
  options: KindOptions,
  handler: (task: Task) => unknown,
): Promise<{ row: StoredTask; settledAs: string[] }> {
  const definition = newKind(options);
  let begun = 0;
  app.queue.registerKind(definition, (task) => {
    begun += 1;
    return handler(task);
  });
  const { id } = await app.queue.pushTask({ kind: definition, payload: 0, externalKey: 'key' });
  const row = await until(async () => {
    const [found] = await app.stored(`id = ${id}`);
    return found?.status === status && found.lease_id === null ? found : undefined;
  });
  const settled = () => events.of('attempt-settled').filter((event) => event.id === id);
  // The row shows it before the process is told.
  await until(() => settled().length === begun);
  return { row, settledAs: settled().map(({ as }) => as) };
}

function fail(message = 'failed'): never {
  throw new Error(message);
}
