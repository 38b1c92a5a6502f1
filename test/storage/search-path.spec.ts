import { TypeOrmModule } from '@nestjs/typeorm';
import pg from 'pg';
import { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createPgQueueMigrations,
  defineTask,
  MustCancelTaskError,
  noJitter,
  PgQueueModule,
  QueueAdmin,
  type QueueEvent,
  QueueService,
  SnoozeTaskError,
  type TaskFilter,
} from '../../lib/index.js';
import { type ChildApps, compileApps } from '../support/child-app.js';
import { capturedCalls, HOSTILE_PATH, plantHostileObjects } from '../support/hostile-objects.js';
import { until } from '../support/index.js';
import { startApp } from '../support/nest-app.js';
import { dropRoles } from '../support/roles.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

let apps: ChildApps;
let database: TestDatabase;
/** Of a superuser whose path begins with another role's objects. */
let victim: string;
let trusted: pg.Client;

beforeAll(async () => {
  apps = await compileApps();
  database = await createTestDatabase({ plain: true });
  await plantHostileObjects(database.url);
  trusted = new pg.Client({ connectionString: database.url, options: '-c search_path=pg_catalog' });
  await trusted.connect();
  victim = await createVictim();
}, 60_000);

afterAll(async () => {
  await trusted.end();
  await apps.close();
  await database.drop();
  await dropRoles(database.url, ['victim', 'hostile']);
});

it("has an object of the other role's before and behind each of PostgreSQL's", async () => {
  const { rows } = await trusted.query(
    `SELECT nspname, (SELECT count(*)::int FROM pg_proc WHERE pronamespace = n.oid) AS functions, (SELECT count(*)::int FROM pg_operator WHERE oprnamespace = n.oid) AS operators,
       (SELECT count(*)::int FROM pg_type WHERE typnamespace = n.oid AND typtype = 'd') AS types
     FROM pg_namespace n WHERE nspname IN ('hostile', 'behind', 'public')`,
  );
  expect(rows).toHaveLength(3);
  for (const { functions, operators, types } of rows) {
    expect(functions).toBeGreaterThan(2500);
    expect(operators).toBeGreaterThan(600);
    expect(types).toBeGreaterThan(40);
  }
  const client = new pg.Client(victim);
  await client.connect();
  for (const sql of [
    'SELECT now()',
    'SELECT 1 = 1',
    "SELECT 'a'::text",
    'SELECT FROM pg_class',
    'SELECT count(*)',
  ]) {
    await expect(client.query(sql)).rejects.toThrow(/captured by|is not an aggregate/);
  }
  await client.end();
  expect(await capturedCalls(database.url)).toBeGreaterThan(0);
  await trusted.query("SELECT setval('loot.calls', 1, false)");
});

describe.sequential('under a path full of hostile objects', () => {
  it('migrates by the command line', async () => {
    expect(await cli('migrate')).toContain('were created');
    expect(await cli('migrate')).toContain('nothing to do');
  });

  it('pushes in each form, runs and settles in each way, rescues, cleans, cancels, retries, shows and changes tasks', async () => {
    const pool = new pg.Pool({ connectionString: victim, max: 10 });
    const { rows: dead } = await trusted.query(
      `INSERT INTO public.pgqueue_lease (id, worker, heartbeat_at) VALUES (1000, 'gone', now() - interval '1 hour') RETURNING id`,
    );
    await trusted.query(
      `INSERT INTO public.pgqueue (kind, lease_id, attempts_left, attempts_elapsed, payload) VALUES (1, $1, 1, 1, '"rescued"')`,
      [dead[0].id],
    );
    const app = await startApp({
      imports: [PgQueueModule.forRoot({ pool, autoStart: false, heartbeatPeriod: 100, leaseTimeout: 2000 })],
    });
    const queue = app.get(QueueService);
    const admin = app.get(QueueAdmin);
    const events: QueueEvent[] = [];
    queue.subscribe((event) => events.push(event));
    const ran: string[] = [];
    const run = async (task: {
      payload: unknown;
      attempt: number;
      completeIn(client: pg.PoolClient): Promise<void>;
    }) => {
      const payload = String(task.payload);
      ran.push(payload);
      if (payload === 'snooze' && ran.filter((each) => each === payload).length === 1)
        throw new SnoozeTaskError(1);
      if (payload === 'cancel') throw new MustCancelTaskError('enough');
      if (payload === 'fail' || (payload === 'again' && task.attempt === 1)) throw new Error('no');
      if (payload === 'complete') {
        const client = await pool.connect();
        await client.query('BEGIN');
        await task.completeIn(client);
        await client.query('COMMIT');
        client.release();
      }
    };
    for (const kind of [Kept, Deleted, Expiring]) queue.registerKind(kind, run as never);
    await queue.start();
    await until(() => events.some(({ type }) => type === 'listening'));

    const payloads = ['one', 'snooze', 'cancel', 'fail', 'again', 'complete'];
    for (const kind of [Kept, Deleted]) {
      for (const payload of payloads) await queue.pushTask({ kind, payload });
    }
    await queue.pushTasks([1, 2, 3].map((n) => ({ kind: Kept, payload: `same ${n}` })));
    await queue.pushTasks(
      [
        { kind: Kept, payload: 'mixed 1' },
        { kind: Expiring, payload: 'mixed 2' },
        { kind: Kept, payload: 'mixed 3', externalKey: 'mixed' },
      ],
      { delay: 5, priority: 2 },
    );
    const client = await pool.connect();
    await client.query('BEGIN');
    await queue.pushTask({ kind: Kept, payload: 'inside' }, { executor: client });
    await queue.pushTasks(
      [1, 2].map((n) => ({ kind: Kept, payload: `inside ${n}` })),
      { executor: client },
    );
    const waiting = { kind: Waiting, payload: 'waits', externalKey: 'key' };
    expect(await queue.pushTask(waiting, { executor: client })).toMatchObject({ status: 'pushed' });
    expect(await queue.pushTask(waiting, { executor: client })).toMatchObject({ status: 'duplicate' });
    await client.query('COMMIT');
    client.release();
    expect(await queue.pushTask(waiting)).toMatchObject({ status: 'duplicate' });
    expect(await queue.pushTask({ ...waiting, payload: 'anew' }, { onConflict: 'replace' })).toMatchObject({
      status: 'pushed',
    });
    await queue.pushTasks([{ kind: Waiting, payload: 'other', externalKey: 'other' }, waiting], {
      delay: '1h',
    });

    await until(
      async () => (await stored("kind IN (1, 2) AND status IN ('new', 'must_retry')")).length === 0,
    );
    await until(async () => (await stored('kind = 3')).length === 0);
    await until(() => events.some(({ type }) => type === 'tasks-rescued'));
    const broken = await stored("status = 'no_attempts_left'");
    expect(broken.map(({ payload }) => payload)).toEqual(expect.arrayContaining(['fail']));
    expect(ran).toEqual(
      expect.arrayContaining([...payloads, 'same 1', 'mixed 2', 'mixed 3', 'inside', 'inside 2', 'rescued']),
    );

    expect(await queue.retryTasks(Kept)).toBeGreaterThan(0);
    expect(await queue.cancelTaskByKey(Waiting, 'key')).toBe(true);
    await until(async () => (await stored("kind = 1 AND status IN ('new', 'must_retry')")).length === 0);

    const [{ id }] = (await stored("external_key = 'other'")) as [{ id: string }];
    const filters: TaskFilter[] = [
      {},
      { status: 'new' },
      { status: 'succeeded', kind: Kept },
      { status: 'no_attempts_left' },
      { externalKey: 'other' },
      { text: 'other', createdFrom: new Date(0), createdTo: new Date(Date.now() + 60_000) },
      { id },
    ];
    for (const filter of filters) {
      const first = await admin.list(filter, { limit: 1 });
      expect({ filter, found: first.tasks.length }).toEqual({ filter, found: 1 });
      if (first.next) await admin.list(filter, { limit: 1, after: first.next });
    }
    expect((await admin.counts()).length).toBeGreaterThan(0);
    expect((await admin.task(id))?.payload).toBe('other');
    expect((await admin.explain(id)).reason).not.toBe('not-found');
    expect((await admin.workers()).length).toBeGreaterThan(0);
    expect((await admin.shards()).length).toBe(1);
    expect((await admin.kinds()).length).toBeGreaterThan(0);
    await admin.activity();
    await admin.overview({ patienceMs: 5000, activityMs: 0 });
    expect(await admin.pause(Waiting)).toBe(true);
    expect(await admin.resume(Waiting)).toBe(true);
    expect(await cli('status')).toContain('kept');
    expect(await cli('explain', id)).toContain(id);
    expect((await admin.runNow({ id })).changed).toBe(1);
    expect(await cli('cancel', id)).toContain('1');
    expect((await admin.delete({ id })).changed).toBe(1);
    await admin.retry({ status: 'no_attempts_left' });

    await app.close();
    await pool.end();
    const failures = events.filter(({ type }) => type === 'connection-failed' || type === 'start-failed');
    expect(failures).toEqual([]);
  }, 60_000);

  it('migrates by TypeORM, whose other migrations have their own path, and pushes with its manager', async () => {
    const app = await startApp({
      imports: [
        TypeOrmModule.forRoot({ type: 'postgres', url: database.url, retryAttempts: 0 }),
        PgQueueModule.forRoot({ schema: 'queue', autoStart: false }),
      ],
    });
    const queue = app.get(QueueService);
    const runner = app.get(DataSource).createQueryRunner();
    await runner.startTransaction();
    await runner.query(`SET LOCAL search_path = ${HOSTILE_PATH}`);
    const [CreateTables] = createPgQueueMigrations({ schema: 'queue' });
    await new CreateTables!().up(runner);
    expect(await runner.query('SHOW search_path')).toEqual([{ search_path: HOSTILE_PATH }]);
    const { manager } = runner;
    await queue.pushTask({ kind: Waiting, payload: 'one' }, { manager });
    await queue.pushTasks(
      [1, 2].map((n) => ({ kind: Waiting, payload: `${n}`, externalKey: `${n}` })),
      { manager },
    );
    expect(await queue.cancelTaskByKey(Waiting, '1', { manager })).toBe(true);
    expect(await queue.retryTasks(Waiting, { manager })).toBe(0);
    await runner.commitTransaction();
    await runner.release();
    await app.close();
    const { rows } = await trusted.query('SELECT status FROM queue.pgqueue ORDER BY id');
    expect(rows.map(({ status }) => status)).toEqual(['new', 'cancelled', 'new']);
  });

  it('never calls one of them', async () => {
    expect(await capturedCalls(database.url)).toBe(0);
  });
});

const options = {
  attemptTimeout: '20s',
  backoff: noJitter(10),
  loop: { fetcherPeriod: 200, janitorPeriod: 250 },
} as const;
const Kept = defineTask<string>({
  kind: 1,
  name: 'kept',
  ...options,
  workerCount: 20,
  terminalTasksTtl: '1h',
  maxAttempts: 2,
});
const Deleted = defineTask<string>({
  kind: 2,
  name: 'deleted',
  ...options,
  workerCount: 20,
  terminalTasksTtl: 0,
  maxAttempts: 2,
});
const Expiring = defineTask<string>({ kind: 3, name: 'expiring', ...options, terminalTasksTtl: 50 });
const Waiting = defineTask<string>({ kind: 4, name: 'waiting' });

const stored = async (where: string) =>
  (await trusted.query(`SELECT * FROM public.pgqueue WHERE ${where} ORDER BY id`)).rows;

async function cli(...args: string[]): Promise<string> {
  const child = apps.start('lib/cli/main.ts', { DATABASE_URL: victim }, args);
  const code = await child.ended;
  expect({ code, output: child.output() }).toMatchObject({ code: 0 });
  return child.output();
}

/** @returns the address of the database for the new role */
async function createVictim(): Promise<string> {
  await trusted.query(
    `CREATE ROLE victim SUPERUSER LOGIN PASSWORD 'pw'; ALTER ROLE victim SET search_path = ${HOSTILE_PATH}`,
  );
  const url = new URL(database.url);
  url.username = 'victim';
  url.password = 'pw';
  return url.href;
}
