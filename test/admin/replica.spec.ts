import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EmbeddedPostgres } from '../../scripts/embedded-postgres/index.mjs';
import { PgQueueModule, type PgQueueModuleOptions, QueueAdmin } from '../../lib/index.js';
import { AdminRepository } from '../../lib/storage/admin.repository.js';
import { PgDatabase } from '../../lib/storage/pg-database.js';
import { queueSql } from '../../lib/storage/sql/index.js';
import { ask } from '../faults/support/side-tables.mjs';
import { startStandby } from '../faults/support/standby.mjs';
import { newKind, until } from '../support/index.js';
import { bootError, typeOrm } from '../support/nest-app.js';
import { allBut, cannotRunOver } from '../support/over.js';
import { createQueueApp, type QueueApp } from '../support/queue-app.js';
import { createTestDatabase } from '../support/test-database.js';

const skipped = cannotRunOver(
  allBut('typeorm', "the replication is TypeORM's, and its servers are the test's own"),
);

describe.skipIf(skipped)('readFrom: replica', () => {
  const kind = newKind({ name: 'work' });
  let primary: EmbeddedPostgres;
  let standby: EmbeddedPostgres;
  let standbyUrl: string;
  let app: QueueApp;
  let admin: QueueAdmin;
  let ageAtFirst: number | null;

  beforeAll(async () => {
    const settings = { wal_level: 'replica' };
    primary = await EmbeddedPostgres.start(settings);
    ({ standby, url: standbyUrl } = await startStandby(primary, settings));
    const pool = new pg.Pool({ connectionString: standbyUrl });
    ageAtFirst = (await new AdminRepository(new PgDatabase(pool), queueSql('public'), 1000).moment()).ageMs;
    await pool.end();
    app = await startReading({});
    admin = app.get(QueueAdmin);
  }, 60_000);

  afterAll(async () => {
    await app.close();
    await primary.stop();
    await standby.stop();
  });

  const startReading = (options: PgQueueModuleOptions): Promise<QueueApp> =>
    createQueueApp({
      url: primary.url,
      options: { ...options, readFrom: 'replica' },
      typeorm: {
        url: undefined,
        replication: { master: { url: primary.url }, slaves: [{ url: standbyUrl }] },
      },
    });

  /** What is committed is on the standby's disk, but may have to be replayed there yet. */
  async function replayed(): Promise<void> {
    const [{ lsn }] = await ask(primary.url, 'SELECT pg_current_wal_lsn() AS lsn');
    await until(async () => {
      const [row] = await ask(standbyUrl, 'SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn AS done', [lsn]);
      return row.done;
    });
  }

  const listed = async () => (await admin.list({ kind })).tasks.length;

  it('works on the master, and lists what the replica has, which tells how old it may be', async () => {
    await app.queue.pushTask({ kind, payload: 1 });
    await replayed();
    expect(await listed()).toBe(1);
    await ask(standbyUrl, 'SELECT pg_wal_replay_pause()');
    try {
      await until(async () => {
        const [row] = await ask(standbyUrl, 'SELECT pg_get_wal_replay_pause_state() AS state');
        return row.state === 'paused';
      });
      let ran = 0;
      app.queue.registerKind(kind, () => void ran++);
      const { id } = await app.queue.pushTask({ kind, payload: 2 });
      await until(() => ran === 2);
      expect(await listed()).toBe(1);
      expect(await admin.counts()).toMatchObject([
        { statuses: { new: { count: 1 }, succeeded: { count: 0 } } },
      ]);
      expect(await admin.activity()).toEqual([]);
      await until(async () => (await admin.task(id!))?.status === 'succeeded');
      expect(await admin.explain(id!)).toMatchObject({ reason: 'finished' });
      expect(await admin.workers()).toHaveLength(1);
      expect(await admin.kinds()).toMatchObject([{ name: 'work', processes: 1 }]);
      const { ageMs } = await admin.list({ kind });
      expect(ageMs).toBeGreaterThan(0);
      await until(async () => (await admin.list({ kind })).ageMs! > ageMs! + 500);
      const [shard] = await admin.shards();
      expect(shard).toMatchObject({ reachable: true, error: null });
      expect(shard!.ageMs).toBeGreaterThan(ageMs!);
      expect(await admin.delete({ id: id! })).toEqual({ changed: 1, more: false });
      expect(await admin.task(id!)).toBeNull();
    } finally {
      await ask(standbyUrl, 'SELECT pg_wal_replay_resume()');
    }
    await until(async () => (await admin.counts())[0]?.statuses.succeeded.count === 1);
  });

  it('knows no age where the replica has replayed nothing yet', () => {
    expect(ageAtFirst).toBeNull();
  });

  it('takes the master to be of this moment', async () => {
    const onMaster = await createQueueApp({ url: primary.url, options: { autoStart: false } });
    expect((await onMaster.get(QueueAdmin).list()).ageMs).toBe(0);
    await onMaster.close();
  });

  // The last: what listens to the master has nothing to go on with.
  it('lists, counts and names tasks of any kind while the master is down', async () => {
    const others = await startReading({ autoStart: false });
    await ask(primary.url, `INSERT INTO pgqueue (kind, payload) VALUES (77, '1')`);
    await replayed();
    await primary.stop();
    const reading = others.get(QueueAdmin);
    expect(await reading.list({ kind: 77 })).toMatchObject({ tasks: [{ name: 'pgqueue-77' }] });
    expect(await reading.counts()).toContainEqual(expect.objectContaining({ kind: 77 }));
    expect(await reading.shards()).toMatchObject([{ reachable: false }]);
    await others.close();
  });
});

it('is refused at boot where there is no replication', async () => {
  const database = await createTestDatabase();
  const pool = new pg.Pool({ connectionString: database.url });
  const refused = { code: 'PGQUEUE_INVALID_OPTION', field: 'readFrom', value: 'replica' };
  const withTypeOrm = [
    typeOrm(database.url),
    PgQueueModule.forRoot({ readFrom: 'replica', autoStart: false }),
  ];
  expect(await bootError({ imports: withTypeOrm })).toMatchObject(refused);
  const withPool = [PgQueueModule.forRoot({ readFrom: 'replica', pool, autoStart: false })];
  expect(await bootError({ imports: withPool })).toMatchObject(refused);
  const unknown = [PgQueueModule.forRoot({ readFrom: 'slave' as never, pool })];
  expect(await bootError({ imports: unknown })).toMatchObject({ ...refused, value: 'slave' });
  await pool.end();
  await database.drop();
});
