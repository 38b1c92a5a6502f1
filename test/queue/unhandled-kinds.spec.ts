import { afterAll, beforeAll, expect, it } from 'vitest';
import { newKind, type RecordedEvents, recordEvents, until } from '../support/index.js';
import { createQueueApp, type QueueApp, storedTasks } from '../support/queue-app.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

const BACKLOG = 20_000;

let database: TestDatabase;
let producer: QueueApp;
let old: QueueApp;
let events: RecordedEvents;

beforeAll(async () => {
  database = await createTestDatabase();
  producer = await createQueueApp({ url: database.url, options: { autoStart: false } });
  await producer.queue.pushTasks(Array.from({ length: BACKLOG }, () => ({ kind: unknown, payload: 0 })));
  old = await createQueueApp({ url: database.url });
  events = recordEvents(old.queue);
  old.queue.registerKind(known, () => undefined);
});

afterAll(async () => {
  await old.close();
  await producer.close();
  await database.drop();
});

it('H35, H36: tasks of a kind that nobody handles wait untouched, and cost the claims of others nothing', async () => {
  const before = await claimIndex();
  for (let ran = 1; ran <= 50; ran++) {
    await producer.queue.pushTask({ kind: known, payload: 0 });
    await until(() => events.of('attempt-settled').length === ran);
  }
  // Sessions report what they did about once a second.
  const after = await until(async () => {
    const now = await claimIndex();
    return now.scans - before.scans >= 50 ? now : undefined;
  });
  expect(after.entries - before.entries).toBeLessThan(BACKLOG / 4);
  expect(
    events.of('attempt-settled').every(({ kind, as }) => kind === known.kind && as === 'succeeded'),
  ).toBe(true);
  expect(await untouched()).toBe(BACKLOG);
});

it('H35: they run when a process comes that handles the kind', async () => {
  await producer.dataSource.query(
    'DELETE FROM pgqueue WHERE kind = $1 AND id NOT IN (SELECT id FROM pgqueue WHERE kind = $1 ORDER BY id LIMIT 100)',
    [unknown.kind],
  );
  const rolledOut = await createQueueApp({ url: database.url });
  let ran = 0;
  rolledOut.queue.registerKind(unknown, () => (ran += 1), { workerCount: 20 });
  const succeeded = `kind = ${unknown.kind} AND status = 'succeeded'`;
  await until(async () => (await storedTasks(producer.dataSource, succeeded)).length === 100);
  expect(ran).toBe(100);
  await rolledOut.close();
});

const known = newKind({ workerCount: 5 });
/** Of a release that is not rolled out yet, or of one that is gone. */
const unknown = newKind();

/** How often the index of claims was walked, and how many of its entries were read. */
async function claimIndex(): Promise<{ scans: number; entries: number }> {
  const [row] = await producer.dataSource.query(
    `SELECT idx_scan::int AS scans, idx_tup_read::int AS entries FROM pg_stat_user_indexes
     WHERE indexrelname = 'pgqueue_claim'`,
  );
  return row;
}

const untouched = async () =>
  (
    await producer.dataSource.query(
      `SELECT count(*)::int AS n FROM pgqueue
       WHERE kind = $1 AND status = 'new' AND lease_id IS NULL AND attempts_elapsed = 0 AND finished_at IS NULL`,
      [unknown.kind],
    )
  )[0].n as number;
