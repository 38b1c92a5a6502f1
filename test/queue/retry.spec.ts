import { beforeEach, describe, expect } from 'vitest';
import { databasePerFile, IDLE, newKind, rejectionOf, until } from '../support/index.js';

const { it, producer, worker } = databasePerFile({ producer: IDLE, worker: {} });

beforeEach(() => handleUntilHealed());

describe('retryTasks', () => {
  it('gives broken tasks new attempts, counted from 1, and they run at once', async () => {
    await breakTasks(1);
    healed = true;
    expect(await producer.queue.retryTasks(definition)).toBe(1);
    await until(async () => (await stored('succeeded')).length === 1);
    expect(ran).toEqual([[0, 1, 1]]);
    expect(await stored()).toMatchObject([
      { attempts_left: 1, attempts_elapsed: 1, messages: ['attempt 1', 'attempt 2'] },
    ]);
  });

  it('gives as many attempts as it is told', async () => {
    await breakTasks(1);
    await producer.queue.retryTasks(definition, { attempts: 3 });
    await until(async () => (await stored('no_attempts_left')).length === 1 && ran.length === 3);
    expect(ran).toEqual([
      [0, 1, 2],
      [0, 2, 1],
      [0, 3, 0],
    ]);
    expect((await stored())[0]!.messages).toHaveLength(5);
  });

  it('takes the oldest first, and at most the limit', async () => {
    await breakTasks(6);
    slots = 0;
    await anotherKindRuns();
    expect(await producer.queue.retryTasks(definition, { limit: 2 })).toBe(2);
    const retried = async () => (await stored('must_retry')).map(({ payload }) => payload);
    expect(await retried()).toEqual([0, 1]);
    expect(await producer.queue.retryTasks(definition, { limit: 3 })).toBe(3);
    expect(await retried()).toEqual([0, 1, 2, 3, 4]);
    expect(await producer.queue.retryTasks(definition)).toBe(1);
    expect(await producer.queue.retryTasks(definition)).toBe(0);
    healed = true;
    slots = 1;
    await until(async () => (await stored('succeeded')).length === 6);
    expect(ran.map((seen) => (seen as unknown[])[0])).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('touches no other kind and no other status', async () => {
    await breakTasks(1);
    const before = await stored();
    const other = newKind();
    await producer.queue.pushTask({ kind: other, payload: 0 }, { delay: '1h' });
    expect(await producer.queue.retryTasks(other)).toBe(0);
    expect(await stored()).toEqual(before.map((row) => ({ ...row, due_in: expect.any(Number) })));
  });

  it('rolls back with the transaction, and wakes at its commit', async () => {
    await breakTasks(1);
    healed = true;
    await rejectionOf(
      producer.dataSource.transaction(async (manager) => {
        expect(await producer.queue.retryTasks(definition, { manager })).toBe(1);
        throw new Error('roll back');
      }),
    );
    expect(await stored('no_attempts_left')).toHaveLength(1);
    await producer.dataSource.transaction((manager) => producer.queue.retryTasks(definition, { manager }));
    await until(async () => (await stored('succeeded')).length === 1);
    expect(ran).toEqual([[0, 1, 1]]);
  });

  it('by many at once retries each task once', async () => {
    await breakTasks(10);
    healed = true;
    const counts = await Promise.all(
      Array.from({ length: 10 }, (_, n) =>
        (n % 2 ? producer : worker).queue.retryTasks(definition, { limit: 3 }),
      ),
    );
    expect(counts.reduce((sum, count) => sum + count)).toBe(10);
    await until(async () => (await stored('succeeded')).length === 10);
    expect(ran).toHaveLength(10);
  });

  it('H5: does not start a second run beside the last attempt', async () => {
    const held = newKind({ maxAttempts: 1 });
    const events = worker.recordEvents();
    let end!: () => void;
    const over = new Promise<void>((resolve) => (end = resolve));
    worker.queue.registerKind(held, () => over);
    await producer.queue.pushTask({ kind: held, payload: 0 });
    await events.first('tasks-claimed', ({ kind }) => kind === held.kind);
    expect(await producer.queue.retryTasks(held)).toBe(0);
    end();
    await events.first('attempt-settled', ({ as }) => as === 'succeeded');
    expect(events.of('tasks-claimed').filter(({ kind }) => kind === held.kind)).toHaveLength(1);
  });
});

let definition = newKind();
let healed: boolean;
let slots: number;
let ran: unknown[];

/** A new kind, whose handler fails until the test says otherwise. */
function handleUntilHealed(): void {
  healed = false;
  slots = 1;
  ran = [];
  // So far away that only a wake-up can be what starts a retried task.
  definition = newKind({
    maxAttempts: 2,
    maxTaskErrorMessages: 5,
    workerCount: () => slots,
    loop: { fetcherPeriod: '1h' },
  });
  worker.queue.registerKind(definition, ({ payload, attempt, attemptsLeft }) => {
    ran.push([payload, attempt, attemptsLeft]);
    if (!healed) throw new Error(`attempt ${attempt}`);
  });
}

const stored = (status = '') =>
  producer.stored(`kind = ${definition.kind} ${status && `AND status = '${status}'`}`);

/** Pushes so many tasks, each in a transaction of its own, and lets all of them use up their attempts. */
async function breakTasks(count: number): Promise<void> {
  for (let payload = 0; payload < count; payload++) {
    await producer.queue.pushTask({ kind: definition, payload, externalKey: `key ${payload}` });
  }
  await until(async () => (await stored('no_attempts_left')).length === count);
  ran = [];
}

/** Claims are made one after the other: one that still counted on a slot has been answered. */
async function anotherKindRuns(): Promise<void> {
  const other = newKind();
  const events = worker.recordEvents();
  worker.queue.registerKind(other, () => undefined);
  await producer.queue.pushTask({ kind: other, payload: 0 });
  await events.first('attempt-settled', ({ kind }) => kind === other.kind);
}
