import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newKind } from '../support/kinds.js';
import { cannotRunOver } from '../support/over.js';
import { createQueueApp, type QueueApp, storedTasks } from '../support/queue-app.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';
import { rejectionOf } from '../support/thrown-by.js';
import { until } from '../support/until.js';

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

  const pushSilently = async (n: number, externalKey?: string) => {
    await client.query('BEGIN');
    await client.query('SET LOCAL pgqueue.notify = off');
    return push(n, externalKey);
  };

  it('takes pushes that do not notify, and its tasks run after COMMIT PREPARED', async () => {
    await pushSilently(1);
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
    await pushSilently(5, 'five');
    await client.query(`PREPARE TRANSACTION '${name}'`);
    await client.query(`ROLLBACK PREPARED '${name}'`);
    expect(
      (await app.queue.pushTask({ kind: definition, payload: { n: 6 }, externalKey: 'five' })).status,
    ).toBe('pushed');
    await until(() => ran.includes(6));
    expect(ran).not.toContain(5);
  });

  it('is refused by the server where a push has notified', async () => {
    await client.query('BEGIN');
    await push(7);
    const refused = await rejectionOf(client.query(`PREPARE TRANSACTION '${name}'`));
    expect(refused).toMatchObject({ code: '0A000' });
  });

  it('waits for nothing afterwards: the setting ends with the transaction', async () => {
    await pushSilently(8);
    await client.query('COMMIT');
    const { rows } = await client.query(`SELECT current_setting('pgqueue.notify', true) AS notify`);
    expect(rows[0].notify).not.toBe('off');
  });
});
