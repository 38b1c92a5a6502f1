import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RegisteredHandler } from '../../lib/handlers/registered-handler.js';
import type { ClaimedTask } from '../../lib/task/claim.js';
import { Instruments } from '../../lib/events/instrumentation.js';
import { assertRunnable, resolveKindOptions } from '../../lib/task/kind-options.js';
import type { Outcome } from '../../lib/task/outcome.js';
import { QueueEvents } from '../../lib/events/queue-events.js';
import { LeaseLostError } from '../../lib/errors/pg-queue.errors.js';
import { AbandonedTasks } from '../../lib/worker/run/abandoned-handlers.js';
import { Attempt } from '../../lib/worker/run/attempt.js';
import type { Admission } from '../../lib/worker/slots/admission.js';
import { SoleSlots } from '../../lib/worker/slots/sole-slots.js';
import { WorkerPool } from '../../lib/worker/run/worker-pool.js';
import { deferred } from '../support/deferred.js';
import { until } from '../support/until.js';

const CLAIM = 1;
const LEASE = 1;

let pool: WorkerPool;
let started: number[];
let ended: [id: number, type: Outcome['type']][];
let admissions: Admission[];
let bodies: Map<number, ReturnType<typeof deferred<void>>>;

function createPool(
  options: { attemptTimeout?: number; maxAttempts?: number; workerCount?: number } = {},
): void {
  const resolved = resolveKindOptions(1, { attemptTimeout: 10_000, backoff: () => 0, ...options });
  assertRunnable(resolved);
  const handler: RegisteredHandler = {
    options: resolved,
    schema: undefined,
    origin: 'test',
    invoke: async ({ id }) => {
      started.push(Number(id));
      await bodies.get(Number(id))?.promise;
    },
  };
  const events = new QueueEvents();
  pool = new WorkerPool(handler, new SoleSlots(resolved, events), {
    origin: { name: 'default', idOf: String },
    events: { emit: (event) => events.emit({ ...event, shard: 'default' }) },
    instruments: new Instruments(events),
    taskContext: false,
    database: { explainLost: () => undefined },
    completer: { complete: () => Promise.reject(new Error('not here')) },
    settler: { settle: ({ id }, { type }) => void ended.push([id, type]) },
    claims: { wake: () => undefined },
    drain: { changed: () => undefined },
    paused: { has: () => false },
    admissions,
    lastAttempts: { begin: (attempt, hooks) => hooks.begun(attempt) },
    abandonedTasks: new AbandonedTasks(),
  });
  // Read once, as a claim does before it asks.
  expect(pool.free).toBe(options.workerCount ?? 1);
}

beforeEach(() => {
  started = [];
  ended = [];
  admissions = [];
  bodies = new Map();
});
afterEach(() => {
  pool.close();
  bodies.forEach(({ resolve }) => resolve());
});

const task = (id: number): ClaimedTask => ({
  id,
  kind: 1,
  priority: 5,
  runAt: 0,
  attemptsLeft: 1,
  attempt: 1,
  externalKey: null,
  trace: null,
  payload: null,
});

/** One that runs until it is told to end, and two behind it. */
async function startThree(): Promise<void> {
  bodies.set(1, deferred<void>());
  [1, 2, 3].forEach((id) => pool.start(new Attempt(task(id), CLAIM, LEASE)));
  await until(() => started.length === 1);
}

const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;

describe('tasks that were claimed ahead', () => {
  it('wait for a slot, in their order', async () => {
    createPool();
    await startThree();
    expect([...pool.attempts()].map(({ id, state }) => [id, state])).toEqual([
      [1, 'running'],
      [2, 'waiting'],
      [3, 'waiting'],
    ]);
    bodies.get(1)!.resolve();
    await until(() => ended.length === 3);
    expect(started).toEqual([1, 2, 3]);
  });

  it('do not start when they were lost while they waited', async () => {
    createPool();
    await startThree();
    [...pool.attempts()].find(({ id }) => id === 2)!.lose(new LeaseLostError('cancelled'));
    bodies.get(1)!.resolve();
    await until(() => ended.length === 3);
    expect(started).toEqual([1, 3]);
  });

  it('are given back at once at a stop, and so is what comes after', async () => {
    createPool();
    await startThree();
    pool.drain();
    expect(ended).toEqual([
      [2, 'unclaimed'],
      [3, 'unclaimed'],
    ]);
    pool.start(new Attempt(task(4), CLAIM, LEASE));
    expect(ended.at(-1)).toEqual([4, 'unclaimed']);
    expect(started).toEqual([1]);
  });
});

it('keeps one timer, however many time-outs hand their slot on', async () => {
  createPool({ attemptTimeout: 30 });
  const before = timers();
  let most = 0;
  for (let id = 1; id <= 10; id++) {
    bodies.set(id, deferred<void>());
    pool.start(new Attempt(task(id), CLAIM, LEASE));
  }
  await until(() => {
    most = Math.max(most, timers() - before);
    return ended.filter(([, type]) => type === 'failed').length === 10;
  });
  // Beside that of the time-outs: of what waits, and of this test.
  expect(most).toBeLessThanOrEqual(3);
});

it('claims no more tasks than the strictest of its admissions allows', () => {
  createPool({ workerCount: 3 });
  admissions.push({ allows: () => 5 }, { allows: (kind) => (kind === 1 ? 2 : 0) });
  expect(pool).toMatchObject({ free: 2, isAdmitted: true });
  admissions.push({ allows: () => 0 });
  expect(pool).toMatchObject({ free: 0, isAdmitted: false });
});
