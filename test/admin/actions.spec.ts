import { beforeEach, describe, expect } from 'vitest';
import {
  type ActionOptions,
  InvalidOptionError,
  QueueAdmin,
  TaskCancelledError,
  type TaskFilter,
  type TaskStatus,
} from '../../lib/index.js';
import { databasePerFile, deferred, IDLE, lazily, newKind, rejectionOf, until } from '../support/index.js';
import { cannotRunOver, NEEDS_LISTEN } from '../support/over.js';
import { untilListening } from '../support/queue-events.js';

const { it, app, openApp } = databasePerFile({ app: IDLE });
const admin = lazily(() => app.get(QueueAdmin));

beforeEach(() => app.dataSource.query('TRUNCATE pgqueue'));

describe('an action', () => {
  it.each<[ActionName, number, Record<string, string | undefined>]>([
    ['retry', 1, { no_attempts_left: 'must_retry due' }],
    ['cancel', 3, { new: 'cancelled', must_retry: 'cancelled', processing: 'cancelled' }],
    ['runNow', 2, { new: 'new due', must_retry: 'must_retry due' }],
    [
      'delete',
      5,
      {
        new: undefined,
        must_retry: undefined,
        no_attempts_left: undefined,
        succeeded: undefined,
        cancelled: undefined,
      },
    ],
  ])(
    '%s changes what its status allows, and nothing else, by filter or by ids',
    async (action, changed, after) => {
      const expected = Object.fromEntries(
        Object.entries({ ...UNCHANGED, ...after }).filter(([, status]) => status !== undefined),
      );
      await storeEach();
      expect(await admin[action]({ kind: definition })).toEqual({ changed, more: false });
      expect(await outcome()).toEqual(expected);
      expect(await admin[action]({ kind: definition })).toEqual({
        changed: 0,
        more: false,
      });
      await app.dataSource.query('TRUNCATE pgqueue');
      await storeEach();
      const id = (await stored()).map((task) => task.id);
      expect(await admin[action]({ id })).toEqual({ changed, more: false });
      expect(await outcome()).toEqual(expected);
    },
  );

  it.each<ActionName>(['retry', 'cancel', 'runNow', 'delete'])(
    '%s finds nothing to do without an error',
    async (action) => {
      for (const filter of [
        { id: '404' },
        { id: [] },
        { kind: definition },
        { text: 'x' },
        { externalKey: 'x' },
        { status: [] },
      ]) {
        expect(await admin[action](filter as TaskFilter)).toEqual({ changed: 0, more: false });
      }
    },
  );

  it.each<ActionName>(['retry', 'cancel', 'runNow', 'delete'])(
    '%s goes on in batches up to its limit',
    async (action) => {
      await storeEach(1100);
      const status = action === 'retry' ? 'no_attempts_left' : 'new';
      const filter = { kind: definition, status } as const;
      expect(await admin[action](filter, { limit: 700 })).toEqual({ changed: 700, more: true });
      expect(await admin[action](filter)).toEqual({ changed: 400, more: false });
    },
  );

  it('is refused before anything is changed, for a filter that names nothing, too', async () => {
    await storeEach();
    for (const [filter, options, field] of [
      [{}, {}, 'filter'],
      [{ kind: undefined }, {}, 'filter'],
      [undefined, {}, 'filter'],
      [{ kinds: 1 }, {}, 'kinds'],
      [{ kind: 1 }, { limit: 0 }, 'limit'],
      [{ kind: 1 }, { limit: 100_001 }, 'limit'],
      [{ kind: 1 }, { force: true }, 'force'],
    ] as const) {
      const error = await rejectionOf(admin.delete(filter as TaskFilter, options as ActionOptions));
      expect(error).toBeInstanceOf(InvalidOptionError);
      expect(error).toMatchObject({ field });
    }
    await expect(admin.retry({ kind: 1 }, { attempts: 40_000 })).rejects.toThrow('attempts: must be');
    await expect(admin.cancel({ kind: 1 }, { attempts: 4 } as never)).rejects.toThrow(
      'attempts: is not an option of cancel',
    );
    expect(await outcome()).toEqual(UNCHANGED);
  });
});

describe('QueueAdmin', () => {
  it('gives as many attempts as a task had, or as many as asked for', async () => {
    await storeEach(2);
    const [first, second] = (await stored()).filter(({ status }) => status === 'no_attempts_left');
    await admin.retry({ id: first!.id });
    await admin.retry({ id: second!.id }, { attempts: 9 });
    const tasks = await stored();
    expect(tasks.find(({ id }) => id === first!.id)).toMatchObject({ attempts_left: 3, attempts_elapsed: 0 });
    expect(tasks.find(({ id }) => id === second!.id)).toMatchObject({
      attempts_left: 9,
      attempts_elapsed: 0,
    });
  });

  it('leaves the error history of a task that it retries', async () => {
    await storeEach();
    await app.dataSource.query(`UPDATE pgqueue SET messages = '{why}' WHERE status = 'no_attempts_left'`);
    await admin.retry({ status: 'no_attempts_left' });
    expect((await admin.list({ status: 'must_retry' })).tasks).toContainEqual(
      expect.objectContaining({ lastError: 'why', attemptsElapsed: 0 }),
    );
  });

  it.skipIf(cannotRunOver(NEEDS_LISTEN))(
    'wakes the workers for what is due again, though they hardly poll',
    async () => {
      const ran: string[] = [];
      const worker = await openApp();
      const events = worker.recordEvents();
      worker.queue.registerKind(
        { ...definition, loop: { fetcherPeriod: '1h' } },
        (task) => void ran.push(task.payload as string),
      );
      await events.first('listening');
      await storeEach();
      const told = app.recordEvents();
      await admin.retry({ kind: definition });
      expect(told.of('tasks-retried')).toMatchObject([{ kind: definition.kind, count: 1 }]);
      await until(() => ran.includes('no_attempts_left'));
      await admin.runNow({ kind: definition });
      await until(() => ran.includes('new') && ran.includes('must_retry'));
      expect(ran).toHaveLength(3);
    },
  );

  it('aborts a running attempt that it cancels, and discards its outcome', async () => {
    const started = deferred();
    const aborted = deferred<unknown>();
    const worker = await openApp();
    const events = worker.recordEvents();
    worker.queue.registerKind(definition, async (task) => {
      started.resolve();
      task.signal.addEventListener('abort', () => aborted.resolve(task.signal.reason));
      await aborted.promise;
    });
    await untilListening(events);
    const { id } = await app.queue.pushTask({ kind: definition, payload: 1 });
    await started.promise;
    const told = app.recordEvents();
    expect(await admin.delete({ id: id! })).toEqual({ changed: 0, more: false });
    expect(await admin.cancel({ id: id! })).toEqual({ changed: 1, more: false });
    expect(await aborted.promise).toBeInstanceOf(TaskCancelledError);
    await events.first('attempt-settled', ({ as }) => as === 'lost');
    expect(await stored()).toMatchObject([{ status: 'cancelled', lease_id: null }]);
    expect(told.of('task-cancelled')).toEqual([
      { type: 'task-cancelled', kind: definition.kind, name: definition.name ?? '', shard: 'default' },
    ]);
  });

  it('leaves tasks where workers find them when it fails, since another transaction holds one of them', async () => {
    const impatient = await openApp({
      options: { autoStart: false, statementTimeout: 1000 },
    });
    const worker = await openApp();
    const ran: number[] = [];
    await app.queue.pushTasks([1, 2, 3].map((payload) => ({ kind: definition, payload })));
    const tasks = await stored();
    await app.dataSource.transaction(async (manager) => {
      await manager.query('SELECT FROM pgqueue WHERE id = $1 FOR UPDATE', [tasks.at(-1)!.id]);
      const failed = rejectionOf(impatient.get(QueueAdmin).cancel({ kind: definition }));
      await until(async () => (await waitingForLocks()) === 1);
      // It claims past the two that are locked for the action, and looks nowhere again by itself.
      worker.queue.registerKind(
        { ...definition, loop: { fetcherPeriod: '1h' } },
        (task) => void ran.push(task.payload),
      );
      expect(await failed).toMatchObject({ message: expect.stringContaining('statement timeout') });
    });
    await until(() => ran.length >= 2, 20_000);
    expect(ran).toEqual(expect.arrayContaining([1, 2]));
    await impatient.close();
  });

  it('lets a worker that claims and an operator that deletes at once agree', async () => {
    let ran = 0;
    const worker = await openApp();
    worker.queue.registerKind({ ...definition, terminalTasksTtl: 0 }, () => void ran++, { workerCount: 50 });
    await app.queue.pushTasks(Array.from({ length: 500 }, () => ({ kind: definition, payload: 1 })));
    const { changed } = await admin.delete({ kind: definition });
    await until(async () => (await stored()).length === 0);
    expect(ran + changed).toBe(500);
  });
});

type ActionName = 'retry' | 'cancel' | 'delete' | 'runNow';

const STATUSES: TaskStatus[] = [
  'new',
  'must_retry',
  'processing',
  'no_attempts_left',
  'succeeded',
  'cancelled',
];

const definition = newKind();

const stored = () => app.stored(`kind = ${definition.kind}`);

/** A task of each status, due in an hour where it is open. */
async function storeEach(count = 1): Promise<void> {
  // Of a process that lives: what no lease holds may be deleted.
  await app.dataSource.query(
    `INSERT INTO pgqueue_lease (id, worker, heartbeat_at) VALUES (1000000, 'here', now() + interval '1 hour') ON CONFLICT DO NOTHING`,
  );
  await app.dataSource.query(
    `INSERT INTO pgqueue (kind, status, lease_id, payload, run_at, finished_at, attempts_left, attempts_elapsed)
     SELECT $1, (CASE WHEN s = 'processing' THEN 'must_retry' ELSE s END)::pgqueue_status, CASE WHEN s = 'processing' THEN 1000000 END,
       to_json(s), now() + interval '1 hour', CASE WHEN s IN ('succeeded', 'cancelled', 'no_attempts_left') THEN now() END,
       CASE WHEN s = 'no_attempts_left' THEN 0 ELSE 5 END, CASE WHEN s = 'no_attempts_left' THEN 3 ELSE 0 END
     FROM unnest($2::text[]) s, generate_series(1, $3::int)`,
    [definition.kind, STATUSES, count],
  );
}

async function waitingForLocks(): Promise<number> {
  const [{ count }] = await app.dataSource.query(
    `SELECT count(*)::int AS count FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
  );
  return count;
}

/** What the tasks are by what they were. */
async function outcome(): Promise<Record<string, string>> {
  const tasks = await stored();
  return Object.fromEntries(
    tasks.map(({ payload, status, lease_id: lease, due_in: dueIn }) => [
      payload as string,
      `${lease === null ? status : 'processing'}${dueIn <= 0 ? ' due' : ''}`,
    ]),
  );
}

const UNCHANGED = {
  new: 'new',
  must_retry: 'must_retry',
  processing: 'processing',
  no_attempts_left: 'no_attempts_left',
  succeeded: 'succeeded',
  cancelled: 'cancelled',
};
