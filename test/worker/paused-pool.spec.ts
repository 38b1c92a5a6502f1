import { expect, it } from 'vitest';
import { resolveKindOptions, type RunnableKindOptions } from '../../lib/task/kind-options.js';
import { Instruments } from '../../lib/events/instrumentation.js';
import type { Outcome } from '../../lib/task/outcome.js';
import { QueueEvents } from '../../lib/events/queue-events.js';
import { AbandonedTasks } from '../../lib/worker/run/abandoned-handlers.js';
import { Attempt } from '../../lib/worker/run/attempt.js';
import { SoleSlots } from '../../lib/worker/slots/sole-slots.js';
import { WorkerPool } from '../../lib/worker/run/worker-pool.js';

it('a pool of a paused kind has no free slot, and gives back what a claim on its way brings', () => {
  let paused = false;
  const ended: Outcome[] = [];
  const options = resolveKindOptions(1, { workerCount: 2, attemptTimeout: '1m', backoff: () => 0 });
  const pool = new WorkerPool(
    {
      options: options as RunnableKindOptions,
      schema: undefined,
      invoke: () => expect.unreachable('the handler was called'),
      origin: 'test',
    },
    new SoleSlots(options as RunnableKindOptions, new QueueEvents()),
    {
      origin: { name: 'default', idOf: String },
      events: { emit: () => undefined },
      settler: { settle: (_, outcome) => void ended.push(outcome) },
      completer: { complete: () => expect.unreachable('nothing was settled') },
      paused: { has: () => paused },
      admissions: [{ allows: () => (paused ? 0 : Number.POSITIVE_INFINITY) }],
      claims: { wake: () => undefined },
      drain: { changed: () => undefined },
      lastAttempts: { begin: () => expect.unreachable('an attempt began') },
      abandonedTasks: new AbandonedTasks(),
      instruments: new Instruments(new QueueEvents()),
      taskContext: false,
      database: { explainLost: () => undefined },
    },
  );
  expect(pool.free).toBeGreaterThanOrEqual(2);
  paused = true;
  expect(pool).toMatchObject({ free: 0, capacity: 2, isFull: false });
  const task = {
    id: 5,
    kind: 1,
    priority: 5,
    runAt: 0,
    attemptsLeft: 1,
    attempt: 1,
    externalKey: null,
    payload: 1,
    trace: null,
  };
  pool.start(new Attempt(task, 1, 1));
  expect(ended).toEqual([{ type: 'unclaimed' }]);
  expect(pool.busy).toBe(0);
});
