import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EmbeddedPostgres } from '../../scripts/embedded-postgres/index.mjs';
import { newKind, until } from '../support/index.js';
import { cannotRunOver } from '../support/over.js';
import { createQueueApp, type QueueApp, storedTasks } from '../support/queue-app.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

const skipped = cannotRunOver({ dml: 'the transactions are those of the tables’ owner' });

describe.skipIf(skipped)('a transaction that is prepared', () => {
  const definition = newKind<{ n: number }>({ workerCount: 5 });
  const ran: number[] = [];
  let database: TestDatabase;
  let app: QueueApp;
  let client: pg.Client;
  let name: string;

  beforeAll(async () => {
    database = await createTestDatabase();
    name = `pushed-${database.name}`;
    client = new pg.Client({ connectionString: database.url });
    await client.connect();
    app = await createQueueApp({ url: database.url });
    app.queue.registerKind(definition, ({ payload }) => void ran.push(payload.n));
  });
  afterAll(async () => {
    await app.close();
    await client.end();
    await database.drop();
  });

  const push = (n: number, externalKey?: string) =>
    app.queue.pushTask({ kind: definition, payload: { n }, externalKey }, { executor: client });

  const pushWithin = async (n: number, externalKey?: string) => {
    await client.query('BEGIN');
    return push(n, externalKey);
  };

  it('takes pushes, and its tasks run after COMMIT PREPARED', async () => {
    await pushWithin(1);
    await push(2, 'two');
    await app.queue.pushTasks(
      [3, 4].map((n) => ({ kind: definition, payload: { n } })),
      { executor: client },
    );
    await client.query(`PREPARE TRANSACTION '${name}'`);
    expect(await storedTasks(app.dataSource)).toEqual([]);
    await client.query(`COMMIT PREPARED '${name}'`);
    await until(() => ran.length === 4);
    expect(ran.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4]);
  });

  it('takes its pushes back by ROLLBACK PREPARED', async () => {
    await pushWithin(5, 'five');
    await client.query(`PREPARE TRANSACTION '${name}'`);
    await client.query(`ROLLBACK PREPARED '${name}'`);
    expect(
      (await app.queue.pushTask({ kind: definition, payload: { n: 6 }, externalKey: 'five' })).status,
    ).toBe('pushed');
    await until(() => ran.includes(6));
    expect(ran).not.toContain(5);
  });

  it.each([
    ['simply', (sql: string) => client.query(sql)],
    [
      'by the extended protocol',
      (sql: string) => client.query({ text: sql, values: [], queryMode: 'extended' } as pg.QueryConfig),
    ],
    ['behind another statement', (sql: string) => client.query(`SELECT 1; ${sql.replace(' ', '\n')}`)],
  ])('may be prepared %s, and leaves nothing behind', async (_, prepare) => {
    await pushWithin(0);
    await prepare(`PREPARE TRANSACTION '${name}'`);
    await client.query(`ROLLBACK PREPARED '${name}'`);
    expect((await client.query('SELECT FROM pgqueue_wake')).rowCount).toBe(0);
  });

  it.each(['REPEATABLE READ', 'SERIALIZABLE'])('is in nobody’s way in %s', async (isolation) => {
    const other = new pg.Client({ connectionString: database.url });
    await other.connect();
    const both = [client, other];
    for (const each of both) {
      await each.query(`BEGIN ISOLATION LEVEL ${isolation}`);
    }
    for (const [n, executor] of both.entries()) {
      await app.queue.pushTask({ kind: definition, payload: { n } }, { executor });
    }
    for (const each of both) {
      expect(await each.query('COMMIT')).toMatchObject({ command: 'COMMIT' });
    }
    await other.end();
  });
});

describe.skipIf(skipped)('a transaction that might be prepared', () => {
  const definition = newKind<{ n: number }>();
  let database: TestDatabase;
  let app: QueueApp;
  let client: pg.Client;

  beforeAll(async () => {
    database = await createTestDatabase();
    client = new pg.Client({ connectionString: database.url });
    await client.connect();
    app = await createQueueApp({ url: database.url, options: { autoStart: false } });
  });
  afterAll(async () => {
    await app.close();
    await client.end();
    await database.drop();
  });

  const push = (n: number) => app.queue.pushTask({ kind: definition, payload: { n } }, { executor: client });

  const pushWithin = async (n: number) => {
    await client.query('BEGIN');
    return push(n);
  };

  it('notifies once at its commit where it is not prepared, however much it has pushed', async () => {
    const sent = await notificationsOf(database.url, async () => {
      await pushWithin(7);
      await client.query('SAVEPOINT before');
      await push(8);
      await client.query('ROLLBACK TO before');
      await push(9);
      await client.query('COMMIT');
    });
    expect(sent).toBe(1);
  });

  it('notifies where only what came after a savepoint is left', async () => {
    const sent = await notificationsOf(database.url, async () => {
      await client.query('BEGIN; SAVEPOINT before');
      await push(10);
      await client.query('ROLLBACK TO before');
      await push(11);
      await client.query('COMMIT');
    });
    expect(sent).toBe(1);
  });

  it('does not wake anybody for what is rolled back', async () => {
    const sent = await notificationsOf(database.url, async () => {
      await pushWithin(12);
      await client.query('ROLLBACK');
    });
    expect(sent).toBe(0);
  });

  it.each([
    ['a pool', (pool: pg.Pool) => ({ executor: pool })],
    ['a manager outside of transactions', () => ({ manager: app.dataSource.manager })],
  ])('notifies for a push by %s, which commits by itself', async (_, transaction) => {
    const pool = new pg.Pool({ connectionString: database.url });
    const sent = await notificationsOf(database.url, () =>
      app.queue.pushTask({ kind: definition, payload: { n: 14 } }, transaction(pool)),
    );
    await pool.end();
    expect(sent).toBe(1);
  });

  it('notifies never where it says so', async () => {
    const sent = await notificationsOf(database.url, async () => {
      await client.query('BEGIN; SET LOCAL pgqueue.notify = off');
      await push(13);
      await client.query('COMMIT');
    });
    expect(sent).toBe(0);
    const { rows } = await client.query(`SELECT current_setting('pgqueue.notify', true) AS notify`);
    expect(rows[0].notify).not.toBe('off');
  });
});

it('a server that can prepare none notifies once for a transaction too', async () => {
  const server = await EmbeddedPostgres.start({ max_prepared_transactions: 0 });
  const app = await createQueueApp({ url: server.url, options: { autoStart: false } });
  const definition = newKind<number>();
  const push = (count: number) =>
    app.dataSource.transaction(async (manager) => {
      for (let n = 0; n < count; n++) {
        await app.queue.pushTask({ kind: definition, payload: n }, { manager });
      }
    });
  expect(await notificationsOf(server.url, () => push(3))).toBe(1);
  expect((await app.dataSource.query('SELECT FROM pgqueue_wake')).length).toBe(0);
  await app.close();
  await server.stop();
});

/** How many notifications of the queue its trigger sends for what the work does. */
async function notificationsOf(url: string, work: () => Promise<unknown>): Promise<number> {
  const listener = new pg.Client({ connectionString: url });
  await listener.connect();
  const { rows } = await listener.query(
    `SELECT substring(prosrc FROM 'pg_notify\\(''(\\w+)''') AS channel FROM pg_proc WHERE proname = 'pgqueue_ring'`,
  );
  await listener.query(`LISTEN ${rows[0].channel}; LISTEN end_of_work`);
  const channels: string[] = [];
  listener.on('notification', ({ channel }) => channels.push(channel));
  await work();
  await listener.query('NOTIFY end_of_work');
  await until(() => channels.at(-1) === 'end_of_work');
  await listener.end();
  return channels.length - 1;
}
