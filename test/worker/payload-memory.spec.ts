import { expect } from 'vitest';
import { databasePerFile, IDLE, newKind, rejectionOf, until } from '../support/index.js';

const KB = 1024;

const { it, producer, openApp } = databasePerFile({ producer: IDLE });

it('claims no more bytes of payloads at once than may be held, with what runs', async () => {
  const most = await mostAtOnce(
    Array.from({ length: 60 }, () => 100 * KB),
    1000 * KB,
  );
  expect(most).toBeLessThanOrEqual(1100 * KB);
  expect(most).toBeGreaterThan(300 * KB);
});

it('holds that when large payloads come after many small ones', async () => {
  const most = await mostAtOnce(
    [...Array.from({ length: 2000 }, () => 5), ...Array.from({ length: 60 }, () => 100 * KB)],
    1000 * KB,
  );
  expect(most).toBeLessThanOrEqual(1100 * KB);
});

it('claims a task that is larger than may be held, alone', async () => {
  expect(await mostAtOnce([300 * KB, 300 * KB, 300 * KB], 100 * KB)).toBe(300 * KB);
});

it('refuses a bound that is none', async () => {
  const starting = openApp({ options: { maxPayloadMemory: 0 } });
  expect(await rejectionOf(starting)).toMatchObject({
    code: 'PGQUEUE_INVALID_OPTION',
    message: expect.stringContaining('maxPayloadMemory'),
  });
});

/** Runs tasks of these sizes in many slots. @returns the most bytes that ran at once */
async function mostAtOnce(sizes: readonly number[], maxPayloadMemory: number): Promise<number> {
  const kind = newKind({ workerCount: 100, maxAttempts: 3 });
  // Of one character: what is compressed most.
  await producer.queue.pushTasks(sizes.map((size) => ({ kind, payload: 'x'.repeat(size) })));
  const worker = await openApp({ options: { maxPayloadMemory } });
  const events = worker.recordEvents();
  let [held, most] = [0, 0];
  worker.queue.registerKind(kind, async ({ payload }) => {
    held += payload.length;
    most = Math.max(most, held);
    await new Promise((resolve) => setTimeout(resolve, 20));
    held -= payload.length;
  });
  await until(
    () => events.of('attempt-settled').filter(({ as }) => as === 'succeeded').length === sizes.length,
    20_000,
  );
  await worker.close();
  return most;
}
