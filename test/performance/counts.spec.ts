import pg from 'pg';
import { afterEach, beforeEach, expect } from 'vitest';
import type { TaskDefinition } from '../../lib/index.js';
import { databasePerTest, newKind, type RecordedEvents, recordEvents, until } from '../support/index.js';
import type { QueueApp } from '../support/queue-app.js';

const { it, database, openApp } = databasePerTest({});

let observer: pg.Client;
let apps: QueueApp[] = [];

beforeEach(async () => {
  observer = new pg.Client({ connectionString: database.url });
  await observer.connect();
});
afterEach(async () => {
  await stopAll();
  await observer.end();
});

/** The longest that an idle session keeps for itself what it did (PGSTAT_IDLE_INTERVAL is 10 s), and a margin. */
const TOLD_WITHIN_MS = 30_000;

it('claims by HOT updates, and reads the table by its indexes alone', async () => {
  const kind = newKind({ workerCount: 100, terminalTasksTtl: 0 });
  await push(await start([]), kind, 20_000);
  await stopAll();
  // Those of the migration too, which scans the table for its indexes.
  const before = await statistics({ inserts: 40_000 });
  const app = await start([kind]);
  await app.queue.start();
  await until(() => app.runs() === 20_000, 30_000);
  await stopAll();
  const after = await statistics({ updates: 20_000 });
  expect((after.hot - before.hot) / (after.updates - before.updates)).toBeGreaterThan(0.9);
  expect(after.scans).toBe(before.scans);
});

it('needs few statements for a thousand tasks', async () => {
  const kind = newKind({ workerCount: 100 });
  const app = await start([kind]);
  await push(app, kind, 20_000);
  await app.queue.start();
  await until(() => app.events.of('flushed').reduce((sum, { count }) => sum + count, 0) === 20_000, 30_000);
  const statements = app.events.of('claimed').length + app.events.of('flushed').length;
  expect(statements / 20).toBeLessThanOrEqual(40);
});

it('H39: polls by one statement a period, however many kinds there are', async () => {
  const kinds = Array.from({ length: 500 }, () => newKind({ loop: { fetcherPeriod: 300 } }));
  const app = await start(kinds);
  await app.queue.start();
  await app.events.first('claimed');
  const polls = () => app.events.of('claimed').length;
  const [before, startedAt] = [polls(), performance.now()];
  await until(() => polls() - before >= 5);
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(4 * 300);
});

it.each([
  ['H37: a reader that stays open', 'SELECT 1'],
  ['H37: a writer that stays open', 'SELECT pg_current_xact_id()'],
])(
  '%s does not make claims read what was claimed before',
  async (_, first) => {
    const kind = newKind({ workerCount: 50, terminalTasksTtl: 0 });
    const app = await start([kind]);
    const blocker = new pg.Client({ connectionString: database.url });
    await blocker.connect();
    await blocker.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    await blocker.query(first);
    await app.queue.start();
    // Until a transaction is known to stay open for long, nothing tells that its rows are not still to come; and the first sweep,
    // which reads all once, comes soon after the start.
    const knownAt = performance.now() + 8000;
    const pushed = { tasks: 0 };
    const pushAndRun = async () => {
      pushed.tasks += 500;
      await push(app, kind, 500);
      await until(() => app.runs() === pushed.tasks);
    };
    while (performance.now() < knownAt) {
      await pushAndRun();
    }
    // All of it: what sessions have not told yet would count as what comes now.
    const before = await statistics({ updates: pushed.tasks });
    for (let round = 0; round < 40; round++) {
      await pushAndRun();
    }
    await stopAll();
    const after = await statistics({ updates: pushed.tasks });
    await blocker.end();
    // Without a cursor each claim would read all that was claimed before: thousands of entries for each task.
    expect((after.read - before.read) / (after.updates - before.updates)).toBeLessThan(200);
  },
  120_000,
);

it('H41: many processes on one kind meet neither deadlocks nor each other', async () => {
  const kind = newKind({ workerCount: 50, terminalTasksTtl: 0 });
  const all: Awaited<ReturnType<typeof start>>[] = [];
  for (let n = 0; n < 6; n++) {
    all.push(await start([kind]));
  }
  await push(all[0]!, kind, 20_000);
  await Promise.all(all.map((app) => app.queue.start()));
  await until(() => all.reduce((sum, app) => sum + app.runs(), 0) === 20_000, 30_000);
  expect(all.flatMap((app) => app.events.of('connection-failed'))).toEqual([]);
  const { rows } = await observer.query(
    'SELECT deadlocks::int FROM pg_stat_database WHERE datname = current_database()',
  );
  expect(rows).toEqual([{ deadlocks: 0 }]);
});

async function start(
  definitions: TaskDefinition<any>[],
): Promise<QueueApp & { events: RecordedEvents; runs: () => number }> {
  const app = await openApp({ options: { autoStart: false } });
  apps.push(app);
  const events = recordEvents(app.queue);
  let runs = 0;
  for (const definition of definitions) {
    app.queue.registerKind(definition, () => void runs++);
  }
  return { ...app, events, runs: () => runs };
}

const push = (app: QueueApp, kind: TaskDefinition<any>, count: number) =>
  app.queue.pushTasks(Array.from({ length: count }, (_, n) => ({ kind, payload: n })));

interface Statistics {
  inserts: number;
  updates: number;
  hot: number;
  /** Sequential scans of the table. */
  scans: number;
  /** Entries of the claim index that scans came upon. */
  read: number;
}

/** The server's statistics of the table, once they tell of so many changes: a session tells when it ends, or has idled for long. */
async function statistics({ inserts = 0, updates = 0 }: Partial<Statistics>): Promise<Statistics> {
  return until(async () => {
    await observer.query('SELECT pg_stat_clear_snapshot()');
    const { rows } = await observer.query<Statistics>(
      `SELECT n_tup_ins::int AS inserts, n_tup_upd::int AS updates, n_tup_hot_upd::int AS hot, seq_scan::int AS scans, idx_tup_read::int AS read
       FROM pg_stat_user_tables t, pg_stat_user_indexes i WHERE t.relname = 'pgqueue' AND indexrelname = 'pgqueue_claim'`,
    );
    return rows[0]!.inserts >= inserts && rows[0]!.updates >= updates && rows[0]!;
  }, TOLD_WITHIN_MS);
}

async function stopAll(): Promise<void> {
  await Promise.all(apps.map((app) => app.close()));
  apps = [];
}
