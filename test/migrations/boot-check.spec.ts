import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  createPgQueueMigrations,
  defineTask,
  noJitter,
  PgQueueHealthIndicator,
  type PgQueueModuleOptions,
  QueueAdmin,
  TaskHandler,
} from '../../lib/index.js';
import { until } from '../support/index.js';
import { createQueueApp, type QueueApp } from '../support/queue-app.js';
import { OVER } from '../support/over.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

describe('H52: the check of the tables at boot', () => {
  let database: TestDatabase;
  let admin: pg.Client;
  let role: string;
  let app: QueueApp | undefined;

  beforeAll(async () => {
    database = await createTestDatabase();
    admin = new pg.Client({ connectionString: database.url });
    await admin.connect();
  });

  afterAll(async () => {
    await admin.end();
    await database.drop();
  });

  beforeEach(async () => {
    const owner = await createQueueApp({
      url: database.url,
      typeorm: { migrations: createPgQueueMigrations({ schema: 'queue' }) },
      options: { autoStart: false, schema: 'queue' },
    });
    await owner.close();
    role = `pgqueue_test_${randomBytes(6).toString('hex')}`;
    await admin.query(`CREATE ROLE ${role} LOGIN PASSWORD 'secret'`);
    for (const [privileges, objects] of Object.entries(GRANTS)) {
      await admin.query(`GRANT ${privileges} ON ${objects} TO ${role}`);
    }
  });

  afterEach(async () => {
    await app?.close();
    app = undefined;
    // A server may still end what it was asked last when its connection is closed already, and would lock against the drop.
    const sessions =
      "SELECT count(*)::int AS count FROM pg_stat_activity WHERE usename = $1 AND state <> 'idle'";
    await until(async () => (await admin.query(sessions, [role])).rows[0].count === 0);
    await admin.query(
      `DROP OWNED BY ${role}; DROP ROLE ${role}; DROP SCHEMA queue CASCADE; DROP TABLE migrations`,
    );
  });

  /** An application of a role that owns nothing. */
  async function start(options: PgQueueModuleOptions = {}, providers = [Handlers]): Promise<QueueApp> {
    const url = Object.assign(new URL(database.url), { username: role, password: 'secret' });
    app = await createQueueApp({
      url: url.href,
      options: { schema: 'queue', ...options },
      providers,
      typeorm: { migrations: [], migrationsRun: false },
    });
    return app;
  }

  const refusal = (options?: PgQueueModuleOptions) =>
    start(options).then(
      () => undefined,
      (error: Error & { code?: string }) => error,
    );

  it('passes for a role that owns nothing and has the grants', async () => {
    const { queue } = await start();
    const ran: unknown[] = [];
    queue.registerKind(WORK, ({ payload }) => ran.push(payload));
    await queue.pushTask({ kind: WORK, payload: 1 });
    await until(() => ran.length === 1);
    expect(ran).toEqual([1]);
  });

  it.each([
    ['are missing', 'nowhere', ''],
    ['are missing', 'queue', 'DROP TABLE queue.pgqueue'],
    ['are of version unknown', 'queue', 'COMMENT ON TABLE queue.pgqueue IS NULL'],
    ['are of version unknown', 'queue', "COMMENT ON TABLE queue.pgqueue IS 'somebody else''s'"],
    ['are of version 0.5', 'queue', "COMMENT ON TABLE queue.pgqueue IS 'nestjs-pgqueue schema 0.5'"],
  ])(
    'fails when the tables %s, naming the schema and what to run (%s, %s)',
    async (problem, schema, change) => {
      await admin.query(change);
      expect(await refusal({ schema })).toMatchObject({
        code: 'PGQUEUE_SCHEMA_MISMATCH',
        message: expect.stringMatching(
          new RegExp(
            `^schema "${schema}": the queue's tables ${problem}.*; add pgQueueMigrations to the migrations`,
          ),
        ),
      });
    },
  );

  it.each(['2', '2.0', '2.7'])('fails when the tables are of a later major version, %s', async (version) => {
    await admin.query(`COMMENT ON TABLE queue.pgqueue IS 'nestjs-pgqueue schema ${version}'`);
    expect(await refusal()).toMatchObject({
      code: 'PGQUEUE_SCHEMA_MISMATCH',
      message: `schema "queue": the queue's tables are of version ${version.includes('.') ? version : '2.0'}, this release needs version 1.x; update nestjs-pgqueue`,
    });
  });

  it.each(['1', '1.0', '1.1', '1.12'])(
    'passes for the same major version, and at least the minor one: %s',
    async (version) => {
      await admin.query(`COMMENT ON TABLE queue.pgqueue IS 'nestjs-pgqueue schema ${version}'`);
      const { queue } = await start();
      await expect(queue.pushTask({ kind: WORK, payload: 1 })).resolves.toMatchObject({ status: 'pushed' });
    },
  );

  it('works on the tables of a later minor version, whose additions it does not know', async () => {
    await admin.query(`
      CREATE DOMAIN queue.pgqueue_later AS int CHECK (VALUE > 0);
      ALTER TABLE queue.pgqueue ADD later queue.pgqueue_later NOT NULL DEFAULT 1, ADD other text;
      ALTER TABLE queue.pgqueue_lease ADD later text NOT NULL DEFAULT '';
      ALTER TABLE queue.pgqueue_registry ADD later text;
      CREATE TABLE queue.pgqueue_later_table (id int);
      CREATE INDEX ON queue.pgqueue (later, id);
      COMMENT ON TABLE queue.pgqueue IS 'nestjs-pgqueue schema 1.1'`);
    const started = await start();
    const { queue } = started;
    const ran: unknown[] = [];
    queue.registerKind(WORK, ({ payload, attempt }) => {
      ran.push([payload, attempt]);
      if (payload === 4 && attempt === 1) throw new Error('once more');
    });
    await queue.pushTask({ kind: WORK, payload: 1 });
    await queue.pushTasks([
      { kind: WORK, payload: 2 },
      { kind: WORK, payload: 3 },
    ]);
    await queue.pushTasks([
      { kind: WORK, payload: 4, externalKey: 'key' },
      { kind: OTHER, payload: 5 },
    ]);
    await queue.pushTask({ kind: OTHER, payload: 6, externalKey: 'later' }, { delay: '1h' });
    expect(
      await queue.pushTask({ kind: OTHER, payload: 7, externalKey: 'later' }, { onConflict: 'replace' }),
    ).toMatchObject({ status: 'pushed' });
    await until(async () => {
      const { rows } = await admin.query(
        "SELECT count(*) FILTER (WHERE status = 'succeeded')::int AS done, count(*)::int AS stored FROM queue.pgqueue",
      );
      return rows[0].done === 6 && rows[0].stored === 6;
    });
    expect(ran).toEqual(
      expect.arrayContaining([
        [1, 1],
        [2, 1],
        [3, 1],
        [4, 1],
        [4, 2],
      ]),
    );
    const admins = started.get(QueueAdmin);
    expect((await admins.list({ status: 'succeeded' })).tasks).toHaveLength(6);
    await admins.counts();
  });

  it.each([
    ['DROP TABLE queue.pgqueue_pause, queue.pgqueue_lease', 'table pgqueue_lease, table pgqueue_pause'],
    ['DROP INDEX queue.pgqueue_key', 'index pgqueue_key of pgqueue'],
    ['DROP SEQUENCE queue.pgqueue_rewind', 'sequence pgqueue_rewind'],
    ['DROP FUNCTION queue.pgqueue_ring CASCADE', 'function pgqueue_ring, trigger pgqueue_ring of pgqueue'],
    ['ALTER TABLE queue.pgqueue DROP trace', 'column trace of pgqueue'],
  ])('names what is missing: %s', async (change, lacks) => {
    await admin.query(change);
    expect(await refusal()).toMatchObject({
      code: 'PGQUEUE_SCHEMA_MISMATCH',
      message: expect.stringContaining(`the queue's installation lacks ${lacks}; complete it with`),
    });
  });

  it('works on without the constraints of the tables', async () => {
    await admin.query('ALTER TABLE queue.pgqueue_pause DROP CONSTRAINT pgqueue_pause_valid');
    const { queue } = await start();
    expect(await queue.pushTask({ kind: WORK, payload: 1 })).toMatchObject({ status: 'pushed' });
  });

  it('asks of a process without handlers only what a push needs', async () => {
    await admin.query(`REVOKE ALL ON ALL TABLES IN SCHEMA queue FROM ${role}`);
    await admin.query(
      `GRANT INSERT (kind, priority, attempts_left, external_key, trace, payload, run_at), SELECT (id, kind) ON queue.pgqueue TO ${role}`,
    );
    const reason = await start({}, []).catch((error: Error) => error.message);
    expect(reason).toBe(`schema "queue": role "${role}" lacks SELECT (external_key) on pgqueue; grant it`);
    await admin.query(`GRANT SELECT (external_key) ON queue.pgqueue TO ${role}`);
    const { queue } = await start({}, []);
    await expect(queue.pushTask({ kind: WORK, payload: 1, externalKey: 'k' })).resolves.toMatchObject({
      status: 'pushed',
    });
  });

  it.each([
    ['USAGE', 'SCHEMA queue', 'USAGE on schema queue'],
    ['DELETE', 'queue.pgqueue', 'DELETE on pgqueue'],
    ['INSERT, UPDATE', 'queue.pgqueue_lease', 'INSERT on pgqueue_lease, UPDATE on pgqueue_lease'],
    ['SELECT', 'queue.pgqueue_registry', 'SELECT on pgqueue_registry'],
    ['DELETE', 'queue.pgqueue_pause', 'DELETE on pgqueue_pause'],
    ['INSERT', 'queue.pgqueue_activity', 'INSERT on pgqueue_activity'],
    ['UPDATE', 'queue.pgqueue_snapshot', 'UPDATE on pgqueue_snapshot'],
    ['UPDATE', 'SEQUENCE queue.pgqueue_bell', 'UPDATE on pgqueue_bell'],
    ['SELECT', 'SEQUENCE queue.pgqueue_rewind', 'SELECT on pgqueue_rewind'],
  ])('fails when the role lacks %s on %s, naming both', async (privilege, object, lacks) => {
    await admin.query(`REVOKE ${privilege} ON ${object} FROM ${role}`);
    expect(await refusal()).toMatchObject({
      code: 'PGQUEUE_SCHEMA_MISMATCH',
      message: `schema "queue": role "${role}" lacks ${lacks}; grant it`,
    });
  });

  it('leaves a process that is not started to its own devices', async () => {
    await admin.query(`REVOKE DELETE ON queue.pgqueue FROM ${role}`);
    const { queue } = await start({ autoStart: false });
    await expect(queue.pushTask({ kind: WORK, payload: 1 })).resolves.toMatchObject({ status: 'pushed' });
    await expect(queue.start()).rejects.toMatchObject({ code: 'PGQUEUE_SCHEMA_MISMATCH' });
  });

  it('is not all: a privilege that is revoked while it runs is seen, and nothing is lost', async () => {
    const { queue, get } = await start({ listen: false });
    const ran: number[] = [];
    const options = { loop: { fetcherPeriod: '100ms' } };
    queue.registerKind(WORK, ({ payload }) => ran.push(payload), options);
    await queue.pushTask({ kind: WORK, payload: 1 });
    await until(() => ran.length === 1);

    await admin.query(`REVOKE UPDATE ON queue.pgqueue FROM ${role}`);
    await queue.pushTask({ kind: WORK, payload: 2 });
    const health = async () =>
      (await get(PgQueueHealthIndicator).isHealthy('queue', { maxMissedPolls: 1 })).queue;
    const refused = await until(async () => {
      const answer = await health();
      return answer.status === 'down' || answer['degraded'] ? answer : undefined;
    });
    // Where there are several shards it is down when all are.
    expect(refused).toMatchObject(OVER === 'shards' ? { status: 'up', degraded: true } : { status: 'down' });
    expect(JSON.stringify(refused)).toContain('permission denied');

    await admin.query(`GRANT UPDATE ON queue.pgqueue TO ${role}`);
    await until(() => ran.length === 2);
    await until(async () => {
      const { status, degraded } = await health();
      return status === 'up' && !degraded;
    });
    expect(ran).toEqual([1, 2]);
  });
});

/** A process that handles tasks needs more than one that pushes. */
const WORK = defineTask<number>({ kind: 1, attemptTimeout: '5s', backoff: noJitter('1s') });
const OTHER = defineTask<number>({ kind: 2, attemptTimeout: '5s', backoff: noJitter('1s') });

class Handlers {
  @TaskHandler(OTHER)
  handle(): void {}
}

const GRANTS = {
  USAGE: 'SCHEMA queue',
  'SELECT, INSERT, UPDATE, DELETE':
    'queue.pgqueue, queue.pgqueue_lease, queue.pgqueue_registry, queue.pgqueue_pause, queue.pgqueue_activity, queue.pgqueue_snapshot',
  'SELECT, UPDATE': 'SEQUENCE queue.pgqueue_bell, queue.pgqueue_rewind',
};
