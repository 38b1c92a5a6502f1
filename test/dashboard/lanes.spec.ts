import pg from 'pg';
import { DataSource } from 'typeorm';
import { afterAll, afterEach, beforeEach, expect } from 'vitest';
import { AdminLane } from '../../lib/cluster/admin/admin-lane.js';
import { BusyError, ConcurrencyLimit } from '../../lib/cluster/admin/concurrency-limit.js';
import { untilAborted, LaneDatabase } from '../../lib/storage/lane-database.js';
import { createDashboardApp, FROM_PAGE } from '../support/dashboard-app.js';
import { databasePerFile, deferred, newKind, rejectionOf, until } from '../support/index.js';

const AT_ONCE = 2;

const { it, database, dashboard } = databasePerFile({ dashboard: ({ url }) => createDashboardApp({ url }) });

let holder: pg.Client;

it.beforeAll(async () => {
  holder = new pg.Client({ connectionString: database.url });
  await holder.connect();
});

afterAll(() => holder.end());

/** Nothing can be read until the test has ended. */
beforeEach(() => holder.query('BEGIN; LOCK TABLE pgqueue'));
afterEach(() => holder.query('ROLLBACK'));

it('leaves the application its connections, whatever is searched for at once', async () => {
  const searches = Array.from({ length: 12 }, () => dashboard.get('/pgqueue/api/tasks?text=x'));
  await until(async () => (await blocked()) === AT_ONCE);
  expect(await dashboard.app.get(DataSource).query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  expect(await blocked()).toBe(AT_ONCE);
  await holder.query('ROLLBACK');
  expect((await Promise.all(searches)).map(({ status }) => status)).toEqual(Array(12).fill(200));
});

it('lets an operator act while others search', async () => {
  const searches = Array.from({ length: 12 }, () => dashboard.get('/pgqueue/api/tasks?text=x'));
  await until(async () => (await blocked()) === AT_ONCE);
  expect((await dashboard.post(`kinds/${newKind().kind}/pause`)).status).toBe(200);
  await holder.query('ROLLBACK');
  await Promise.all(searches);
});

it('gives up a search in time, and says so', { timeout: 20_000 }, async () => {
  const response = await dashboard.get('/pgqueue/api/tasks?text=x');
  expect(response.status).toBe(503);
  expect(await response.json()).toEqual({
    message: 'It took too long, and was given up; a narrower filter takes less',
  });
});

it('turns away who would wait in a line that is too long', async () => {
  const searches = Array.from({ length: 60 }, () => dashboard.get('/pgqueue/api/tasks?text=x'));
  const first = await Promise.any(
    searches.map(async (search) => ({
      status: (await search).status,
      answer: await (await search).clone().json(),
    })),
  );
  expect(first).toEqual({
    status: 503,
    answer: { message: 'Others ask for too much at the moment; try again soon' },
  });
  await holder.query('ROLLBACK');
  await Promise.all(searches);
});

it.each([
  ['a search', 'tasks?text=x', {}],
  [
    'an action',
    'tasks/cancel',
    { method: 'POST', headers: FROM_PAGE, body: JSON.stringify({ filter: { kind: '1' } }) },
  ],
])('cancels %s whose visitor leaves', async (_, path, init) => {
  const leaving = new AbortController();
  const asked = fetch(`${dashboard.origin}/pgqueue/api/${path}`, { ...init, signal: leaving.signal });
  await until(async () => (await blocked()) === 1);
  leaving.abort();
  await rejectionOf(asked);
  // Long before the statement's own time is over.
  await expect.poll(blocked, { timeout: 2000 }).toBe(0);
});

it('cancels the statement of who leaves, and no other', async () => {
  const lane = new AdminLane(dashboard.admin, {
    atOnce: 2,
    waiting: 2,
    patienceMs: 60_000,
    statementTimeoutMs: 60_000,
    transactionPooling: false,
    via: 'dashboard',
  });
  const [leaving, staying] = [new AbortController(), new AbortController()];
  const left = rejectionOf(lane.run(leaving.signal, (admin) => admin.list()));
  const stayed = lane.run(staying.signal, (admin) => admin.list());
  await until(async () => (await blocked()) === 2);
  leaving.abort('gone');
  expect(await left).toBe('gone');
  expect(await blocked()).toBe(1);
  await holder.query('ROLLBACK');
  expect((await stayed).tasks).toEqual([]);
  await lane.close();
});

it('cancels on the server that does the work, where one name leads to several', async () => {
  const servers = [{ connectionString: database.url }, { host: '127.0.0.1', port: 1 }];
  const lane = new LaneDatabase(() => ({ connectionOptions: () => servers.shift()! }), {
    connections: 1,
    statementTimeoutMs: 60_000,
    transactionPooling: false,
  });
  const leaving = new AbortController();
  const left = rejectionOf(
    untilAborted(leaving.signal, () =>
      lane.transaction((run) => run('SELECT count(*) FROM public.pgqueue', [])),
    ),
  );
  await until(async () => (await blocked()) === 1);
  leaving.abort('gone');
  expect(await left).toBe('gone');
  expect(await blocked()).toBe(0);
  await lane.close();
});

it('asks for the options of a connection anew when it can not be opened', async () => {
  const answers = [{ host: '127.0.0.1', port: 1 }, { connectionString: database.url }];
  const lane = new LaneDatabase(() => ({ connectionOptions: () => answers.shift()! }), {
    connections: 1,
    statementTimeoutMs: 60_000,
    transactionPooling: false,
  });
  const ask = () => lane.transaction((run) => run('SELECT 1 AS one', []));
  expect(await rejectionOf(ask())).toMatchObject({ code: 'ECONNREFUSED' });
  expect(await ask()).toEqual([{ one: '1' }]);
  await lane.close();
});

it('asks as many shards at once as there are, for one visitor', async () => {
  const lane = new LaneDatabase(() => ({ connectionOptions: () => ({ connectionString: database.url }) }), {
    connections: 12,
    statementTimeoutMs: 60_000,
    transactionPooling: false,
  });
  const { signal } = new AbortController();
  const asked = untilAborted(signal, () =>
    Promise.all(
      Array.from({ length: 12 }, () =>
        lane.transaction((run) => run('SELECT count(*) FROM public.pgqueue', [])),
      ),
    ),
  );
  await until(async () => (await blocked()) === 12);
  await holder.query('ROLLBACK');
  expect(await asked).toHaveLength(12);
  await lane.close();
});

it('keeps no place in the line for who has left it, and none longer than it may', async () => {
  const limit = new ConcurrencyLimit({ atOnce: 1, waiting: 2, patienceMs: 30_000 });
  const { signal } = new AbortController();
  const inside = deferred();
  const first = limit.run(signal, () => inside.promise);
  const leaving = new AbortController();
  const left = rejectionOf(limit.run(leaving.signal, async () => undefined));
  const third = limit.run(signal, async () => 'third');
  expect(await rejectionOf(limit.run(signal, async () => undefined))).toBeInstanceOf(BusyError);
  leaving.abort('gone');
  expect(await left).toBe('gone');
  inside.resolve();
  await first;
  expect(await third).toBe('third');
  const impatient = new ConcurrencyLimit({ atOnce: 0, waiting: 1, patienceMs: 1 });
  expect(await rejectionOf(impatient.run(signal, async () => undefined))).toBeInstanceOf(BusyError);
});

async function blocked(): Promise<number> {
  const { rows } = await holder.query(
    `SELECT count(*)::int AS n FROM pg_locks l JOIN pg_database d ON d.oid = l.database
     WHERE d.datname = current_database() AND NOT l.granted`,
  );
  return rows[0].n;
}
