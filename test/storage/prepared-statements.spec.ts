import { DataSource, type EntitySubscriberInterface, EventSubscriber } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DatabaseError, defineTask, noJitter } from '../../lib/index.js';
import { schemaNames } from '../../lib/storage/schema-names.js';
import { cannotRunOver, QUEUE_SCHEMA } from '../support/over.js';
import { createQueueApp, type QueueApp, type QueueAppOptions } from '../support/queue-app.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

const skipped = cannotRunOver({
  pg: 'it asks what a DataSource logs and throws',
  pgbouncer: 'nothing is prepared there',
});

describe.skipIf(skipped)('Pushes outside of transactions', () => {
  let database: TestDatabase;
  let app: QueueApp;

  const push = (number: number) => app.queue.pushTask({ kind: Count, payload: { number } });
  const stored = async () => {
    const rows = await app.dataSource.query<{ number: number }[]>(
      `SELECT (payload->>'number')::int AS number FROM pgqueue WHERE kind = 7 ORDER BY id`,
    );
    return rows.map(({ number }) => number);
  };
  /** Of the application's only connection. */
  const prepared = async () => {
    const rows = await app
      .get(DataSource)
      .query<{ name: string }[]>(
        `SELECT name FROM pg_prepared_statements WHERE name LIKE 'pgqueue%' AND statement LIKE '%INSERT INTO%'`,
      );
    return rows.map(({ name }) => name);
  };
  const open = async (options: Partial<QueueAppOptions> = {}) => {
    app = await createQueueApp({ url: database.url, typeorm: { extra: { max: 1 } }, ...options });
  };

  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());

  it('are prepared once by each connection, and logged as all others', async () => {
    const lines: string[] = [];
    const logger = {
      logQuery: (sql: string, parameters?: unknown[]) =>
        void lines.push(`${sql} ${JSON.stringify(parameters)}`),
      logQueryError: () => undefined,
      logQuerySlow: () => undefined,
      logSchemaBuild: () => undefined,
      logMigration: () => undefined,
      log: () => undefined,
    };
    await open({ typeorm: { extra: { max: 1 }, logger } });
    try {
      await push(1);
      await push(2);
      expect(await prepared()).toHaveLength(1);
      expect(await stored()).toEqual([1, 2]);
      expect(lines.filter((line) => line.includes('INSERT') && line.includes('{\\"number\\":'))).toHaveLength(
        2,
      );
    } finally {
      await app.close();
    }
  });

  it('run plainly from then on where connections forget what was prepared', async () => {
    await open();
    try {
      await push(3);
      await app.get(DataSource).query('DEALLOCATE ALL');
      await push(4);
      await push(5);
      expect(await prepared()).toEqual([]);
      expect(await stored()).toEqual([1, 2, 3, 4, 5]);
    } finally {
      await app.close();
    }
  });

  it('run plainly where somebody else has prepared a statement on the same connection of the server', async () => {
    await open();
    await push(6);
    const [name] = await prepared();
    await app.close();
    await open();
    try {
      await app.get(DataSource).query(`PREPARE "${name}" AS SELECT 1`);
      await push(7);
      await push(8);
      expect(await stored()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    } finally {
      await app.close();
    }
  });

  it('are not prepared with transactionPooling, and where a subscriber of TypeORM is told of queries', async () => {
    const told: string[] = [];
    @EventSubscriber()
    class Subscriber implements EntitySubscriberInterface {
      beforeQuery({ query }: { query: string }) {
        told.push(query);
      }
    }
    for (const options of [
      { options: { transactionPooling: true } },
      { typeorm: { extra: { max: 1 }, subscribers: [Subscriber] } },
    ]) {
      await open(options);
      try {
        await push(9);
        expect(await prepared()).toEqual([]);
      } finally {
        await app.close();
      }
    }
    expect(told.some((query) => query.includes(INSERT))).toBe(true);
  });

  it('are logged as slow where TypeORM is asked to', async () => {
    const slow: string[] = [];
    const logger = {
      logQuery: () => undefined,
      logQueryError: () => undefined,
      logQuerySlow: (_: number, sql: string) => void slow.push(sql),
      logSchemaBuild: () => undefined,
      logMigration: () => undefined,
      log: () => undefined,
    };
    await open({ typeorm: { extra: { max: 1 }, logger, maxQueryExecutionTime: 20 } });
    try {
      await app.dataSource.query(`
        CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.05); RETURN NEW; END $$;
        CREATE TRIGGER linger BEFORE INSERT ON pgqueue FOR EACH ROW EXECUTE FUNCTION linger()`);
      await push(10);
      await app.dataSource.query('DROP FUNCTION linger CASCADE');
      expect(await prepared()).toHaveLength(1);
      expect(slow.some((sql) => sql.includes(INSERT))).toBe(true);
    } finally {
      await app.close();
    }
  });

  it('throw what the server says, and prepare on', async () => {
    await open();
    try {
      await app.dataSource.query(
        "ALTER TABLE pgqueue ADD CONSTRAINT odd CHECK (payload::text NOT LIKE '%13%')",
      );
      const refused = await push(13).catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(DatabaseError);
      expect(refused).toMatchObject({ code: '23514' });
      await push(14);
      expect(await prepared()).toHaveLength(1);
    } finally {
      await app.close();
    }
  });
});

const Count = defineTask<{ number: number }>({
  kind: 7,
  name: 'count',
  attemptTimeout: '1m',
  backoff: noJitter('1m'),
});

const INSERT = `INSERT INTO ${schemaNames(QUEUE_SCHEMA).task}`;
