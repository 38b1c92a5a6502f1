import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Test } from '@nestjs/testing';
import pg from 'pg';
import { DataSource } from 'typeorm';
import { describe, expect, vi } from 'vitest';
import { defineTask, noJitter, QueueAdmin, QueueService } from '../../lib/index.js';
import { databasePerFile, until } from '../support/index.js';
import { createQueueApp, storedTasks } from '../support/queue-app.js';
import { openClient } from '../support/test-database.js';

const { it, database, admin, openApp } = databasePerFile({ admin: openClient });

it.beforeAll(async () => {
  const owner = await createQueueApp({ url: database.url, options: { autoStart: false } });
  await owner.close();
});

describe('docs/examples/grants.sql', () => {
  it('is enough to push, run, retry, rescue and clean', () =>
    withRole('app', 'docs/examples/grants.sql', async (url) => {
      const errors: unknown[] = [];
      const app = await createQueueApp({
        url,
        options: { autoStart: false, heartbeatPeriod: 50, leaseTimeout: 100 },
        typeorm: { migrationsRun: false },
      });
      app.queue.subscribe((event) => event.type === 'connection-failed' && errors.push(event.error));
      const events: string[] = [];
      app.queue.subscribe(({ type }) => events.push(type));
      app.queue.registerKind(Work, () => undefined, {
        attemptTimeout: '1m',
        backoff: noJitter('1s'),
        terminalTasksTtl: 1,
        loop: { janitorPeriod: 1 },
      });
      // A worker process that died with a task, for the rescue.
      await admin.query(
        `INSERT INTO pgqueue_lease (worker, heartbeat_at) VALUES ('dead', now() - interval '1 hour');
         INSERT INTO pgqueue (kind, payload, lease_id, attempts_left, attempts_elapsed)
         SELECT 1, '{}', id, 1, 1 FROM pgqueue_lease`,
      );
      await app.queue.start();
      await app.queue.pushTask({ kind: Work, payload: 1, externalKey: 'key' });
      await app.queue.pushTask({ kind: Work, payload: 2, externalKey: 'key' }, { onConflict: 'replace' });
      expect(await app.queue.cancelTaskByKey(Work, 'none')).toBe(false);
      expect(await app.queue.retryTasks(Work)).toBe(0);
      const operator = app.get(QueueAdmin);
      expect(await operator.pause(9)).toBe(true);
      expect(await operator.resume(9)).toBe(true);
      for (const action of ['retry', 'cancel', 'delete', 'runNow'] as const) {
        expect(await operator[action]({ kind: 9 })).toEqual({ changed: 0, more: false });
      }
      await Promise.all([operator.counts(), operator.list(), operator.kinds(), operator.explain('1')]);
      await until(() => events.includes('tasks-rescued'));
      await until(async () => (await storedTasks(app.dataSource)).length === 0);
      await app.queue.stop();
      await app.close();
      expect(errors).toEqual([]);
      expect((await admin.query('SELECT FROM pgqueue_lease')).rowCount).toBe(0);
    }));

  it.each(
    readFileSync('docs/examples/grants.sql', 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('GRANT SELECT')),
  )('grants nothing in vain: without "%s" the boot is refused', (grant) =>
    withRole('app', 'docs/examples/grants.sql', async (url, role) => {
      await admin.query(grant.replace('GRANT', 'REVOKE').replace('TO app', `FROM ${role}`));
      await expect(createQueueApp({ url, typeorm: { migrationsRun: false } })).rejects.toThrow(
        `role "${role}" lacks`,
      );
    }),
  );
});

describe('docs/examples/grants-push-only.sql', () => {
  it('is enough for a process that only pushes', () =>
    withRole('web', 'docs/examples/grants-push-only.sql', async (url) => {
      const app = await createQueueApp({
        url,
        options: { autoStart: false },
        typeorm: { migrationsRun: false },
      });
      const push = () => app.queue.pushTask({ kind: Work, payload: null, externalKey: 'web' });
      expect(await push()).toMatchObject({ status: 'pushed' });
      expect(await push()).toMatchObject({ status: 'duplicate' });
      await expect(app.queue.cancelTaskByKey(Work, 'web')).rejects.toThrow('permission denied');
      await app.close();
    }));

  it('is enough for every form of a push but replacing, in a process that starts and handles nothing', () =>
    withRole('web', 'docs/examples/grants-push-only.sql', async (url) => {
      const app = await createQueueApp({ url, typeorm: { migrationsRun: false } });
      const task = { kind: Work, payload: null };
      const results = await app.queue.pushTasks([task, { ...task, payload: 1 }], {
        delay: '1h',
        priority: 1,
      });
      expect(results).toMatchObject([{ status: 'pushed' }, { status: 'pushed' }]);
      const mixed = await app.queue.pushTasks([
        { ...task, externalKey: 'mixed' },
        { ...task, externalKey: 'mixed' },
        task,
      ]);
      expect(mixed.map(({ status }) => status)).toEqual(['pushed', 'duplicate', 'pushed']);
      const { dataSource } = app;
      await expect(
        app.queue.pushTask({ ...task, externalKey: 'mixed' }, { onConflict: 'replace' }),
      ).rejects.toThrow('permission denied');
      await app.close();
      expect(dataSource.isInitialized).toBe(false);
    }));

  it.each([
    'SELECT payload FROM pgqueue',
    'SELECT * FROM pgqueue',
    'TABLE pgqueue',
    'SELECT pgqueue FROM pgqueue',
    'SELECT ctid FROM pgqueue',
    'SELECT FROM pgqueue WHERE messages IS NULL',
    'SELECT id FROM pgqueue FOR UPDATE',
    'COPY pgqueue TO STDOUT',
    'COPY pgqueue (kind, payload) TO STDOUT',
    'COPY (SELECT trace FROM pgqueue) TO STDOUT',
    'COPY pgqueue (id, kind, payload) FROM STDIN',
    'EXPLAIN ANALYZE SELECT status FROM pgqueue',
    `INSERT INTO pgqueue (kind, payload) VALUES (1, '1') RETURNING *`,
    `INSERT INTO pgqueue (kind, payload) VALUES (1, '1') RETURNING payload`,
    `INSERT INTO pgqueue (kind, payload) VALUES (1, '1') RETURNING pgqueue`,
    ...['id', 'lease_id', 'attempts_elapsed'].map(
      (column) => `INSERT INTO pgqueue (kind, payload, ${column}) VALUES (1, '1', 7)`,
    ),
    ...['created_at', 'finished_at'].map(
      (column) => `INSERT INTO pgqueue (kind, payload, ${column}) VALUES (1, '1', now())`,
    ),
    `INSERT INTO pgqueue (kind, payload, status) VALUES (1, '1', 'succeeded')`,
    `INSERT INTO pgqueue (kind, payload, messages) VALUES (1, '1', '{}')`,
    `INSERT INTO pgqueue OVERRIDING SYSTEM VALUE VALUES (7)`,
    `INSERT INTO pgqueue (kind, external_key, payload) VALUES (1, 'x', '1')
       ON CONFLICT (kind, external_key) WHERE external_key IS NOT NULL DO UPDATE SET payload = excluded.payload`,
    `INSERT INTO pgqueue (kind, external_key, payload) VALUES (1, 'x', '1')
       ON CONFLICT (kind, external_key) WHERE external_key IS NOT NULL DO UPDATE SET kind = 1 RETURNING pgqueue.payload`,
    'UPDATE pgqueue SET priority = 0',
    'DELETE FROM pgqueue',
    'TRUNCATE pgqueue',
    'BEGIN; LOCK TABLE pgqueue IN ACCESS EXCLUSIVE MODE',
    'BEGIN; LOCK TABLE pgqueue_wake IN ACCESS SHARE MODE',
    'INSERT INTO pgqueue_wake DEFAULT VALUES',
    'CREATE TRIGGER mine AFTER INSERT ON pgqueue EXECUTE FUNCTION pgqueue_ring()',
    'CREATE TEMP VIEW mine AS SELECT * FROM pgqueue; SELECT * FROM mine',
    'ALTER TABLE pgqueue DISABLE TRIGGER ALL',
    "SELECT setval('pgqueue_id_seq', 1)",
    "SELECT nextval('pgqueue_id_seq')",
    "SELECT setval('pgqueue_rewind', 1)",
    'SELECT * FROM pgqueue_lease',
    'SELECT * FROM pgqueue_snapshot',
    'INSERT INTO pgqueue_pause (kind) VALUES (1)',
  ])('refuses its role %s', (sql) =>
    withRole('web', 'docs/examples/grants-push-only.sql', async (url) => {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      try {
        await expect(client.query(sql)).rejects.toThrow(/permission denied|must be owner/);
      } finally {
        await client.end();
      }
    }),
  );

  it('lets its role neither silence nor mislead the workers', () =>
    withRole('web', 'docs/examples/grants-push-only.sql', async (url) => {
      const app = await openApp();
      const ran: unknown[] = [];
      app.queue.registerKind(Work, ({ payload }) => ran.push(payload), {
        attemptTimeout: '1m',
        backoff: noJitter('1s'),
      });
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      const { rows } = await client.query<{ channel: string }>(
        `SELECT substring(prosrc FROM 'pgqueue_[0-9a-f]{16}') AS channel FROM pg_proc WHERE proname = 'pgqueue_ring'`,
      );
      for (const payload of ['', 'lost:1:1', 'lost:x', 'pauses', 'x'.repeat(7999)]) {
        await client.query('SELECT pg_notify($1, $2)', [rows[0]!.channel, payload]);
      }
      await client.query("SELECT setval('pgqueue_bell', 9223372036854775807)");
      await client.query('INSERT INTO pgqueue (kind, payload) VALUES (1, \'"by hand"\')');
      await app.queue.pushTask({ kind: Work, payload: 'pushed' });
      await until(() => ran.includes('pushed') && ran.includes('by hand'));
      expect(ran).toEqual(expect.arrayContaining(['pushed', 'by hand']));
      await client.end();
      await app.close();
    }));
});

describe('queries', () => {
  it.beforeAll(async () => {
    await admin.query('TRUNCATE pgqueue');
    await admin.query(
      `INSERT INTO pgqueue (kind, payload, status, messages) VALUES (1, '{}', 'no_attempts_left', '{"why"}');
       INSERT INTO pgqueue (kind, payload, lease_id) VALUES (1, '{}', 1)`,
    );
  });

  /** The rows of each statement. */
  async function answersOf(file: string): Promise<unknown[][]> {
    const results = await admin.query(readFileSync(`docs/examples/${file}`, 'utf8'));
    return (results as unknown as pg.QueryResult[]).map(({ rows }) => rows);
  }

  it('docs/examples/look.sql shows what there is', async () => {
    const [counts, broken, workers] = await answersOf('look.sql');
    expect(counts).toEqual([
      { kind: 1, status: 'no_attempts_left', count: '1' },
      { kind: 1, status: 'processing', count: '1' },
    ]);
    expect(broken).toMatchObject([{ messages: ['why'] }]);
    expect(workers).toEqual([]);
  });

  it('docs/examples/vacuum.sql shows the table', async () => {
    const [table] = await answersOf('vacuum.sql');
    expect(table).toHaveLength(1);
  });

  it('docs/examples/delete-broken.sql deletes the old ones of the kind only', async () => {
    await admin.query('TRUNCATE pgqueue');
    await admin.query(
      `INSERT INTO pgqueue (kind, payload, status, created_at)
       SELECT kind, '{}', status::pgqueue_status, now() - age * interval '1 day'
       FROM (VALUES (1, 'no_attempts_left', 91), (1, 'no_attempts_left', 89), (2, 'no_attempts_left', 91), (1, 'new', 91))
         AS t(kind, status, age)`,
    );
    await admin.query(readFileSync('docs/examples/delete-broken.sql', 'utf8'));
    const { rows } = await admin.query('SELECT kind, status FROM pgqueue ORDER BY id');
    expect(rows).toEqual([
      { kind: 1, status: 'no_attempts_left' },
      { kind: 2, status: 'no_attempts_left' },
      { kind: 1, status: 'new' },
    ]);
  });
});

describe('docs/examples/other-schema.ts', () => {
  it('keeps the queue in a schema of its own', async () => {
    vi.stubEnv('DATABASE_URL', database.url);
    const { AppModule } = await import('../../docs/examples/other-schema.js');
    const testing = await Test.createTestingModule({ imports: [AppModule] })
      .setLogger(false as never)
      .compile();
    const app = await testing.init();
    await app.get(QueueService, { strict: false }).pushTask({ kind: Work, payload: null });
    expect(await storedTasks(app.get(DataSource, { strict: false }), 'true', 'queue')).toHaveLength(1);
    await app.close();
    vi.unstubAllEnvs();
  });
});

const Work = defineTask({ kind: 1, name: 'work' });

/** A role that has what an example grants to `name`, for as long as the work takes. */
async function withRole(
  name: string,
  file: string,
  work: (url: string, role: string) => Promise<void>,
): Promise<void> {
  const role = `pgqueue_test_${randomBytes(6).toString('hex')}`;
  await admin.query(`CREATE ROLE ${role} LOGIN PASSWORD 'secret'`);
  try {
    const grants = readFileSync(file, 'utf8').replaceAll(new RegExp(`TO ${name};`, 'g'), `TO ${role};`);
    expect(grants).not.toContain(`TO ${name}`);
    await admin.query(grants);
    const url = Object.assign(new URL(database.url), { username: role, password: 'secret' });
    await work(url.href, role);
  } finally {
    await admin.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
  }
}
