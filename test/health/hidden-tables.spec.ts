import type pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { INestApplicationContext } from '@nestjs/common';
import {
  PgQueueHealthIndicator,
  PgQueueModule,
  type PgQueueModuleOptions,
  QueueService,
} from '../../lib/index.js';
import { newKind, recordEvents, until } from '../support/index.js';
import { startApp, typeOrm } from '../support/nest-app.js';
import { createOrdinaryRole, type OrdinaryRole } from '../support/ordinary-role.js';

describe('tables that are not seen', () => {
  let database: OrdinaryRole;
  let admin: pg.Client;
  let role: string;
  let app: INestApplicationContext | undefined;

  beforeEach(async () => {
    database = await createOrdinaryRole();
    ({ admin, role } = database);
  });

  afterEach(async () => {
    await app?.close();
    app = undefined;
    await database.drop();
  });

  /** An application of a role that owns nothing. */
  async function start(options: PgQueueModuleOptions = {}): Promise<QueueService> {
    const { url } = database;
    app = await startApp({
      imports: [typeOrm(url, { migrations: [], migrationsRun: false }), PgQueueModule.forRoot(options)],
    });
    return app.get(QueueService);
  }

  const refusal = () =>
    start().then(
      () => undefined,
      (error: unknown) => error,
    );

  const enable = (table: string) => admin.query(`ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY`);

  it.each(['pgqueue', 'pgqueue_lease', 'pgqueue_pause'])(
    'row security that hides rows of %s is found at boot, with the fix',
    async (table) => {
      await enable(table);
      expect(await refusal()).toMatchObject({
        code: 'PGQUEUE_SCHEMA_MISMATCH',
        message: expect.stringMatching(
          new RegExp(
            `row level security hides rows of ${table} from role "${role}"; ALTER ROLE .* BYPASSRLS`,
          ),
        ),
      });
    },
  );

  it.each([
    ['lets a role see a part', 'CREATE POLICY part ON pgqueue USING (kind = 1)'],
    ['is for another role', 'CREATE POLICY part ON pgqueue TO pg_monitor USING (true)'],
    ['is for reading alone', 'CREATE POLICY part ON pgqueue FOR SELECT USING (true)'],
    [
      'is restricted by another',
      'CREATE POLICY part ON pgqueue USING (true); CREATE POLICY few ON pgqueue AS RESTRICTIVE USING (kind = 1)',
    ],
  ])('a policy that %s is not enough', async (_, policy) => {
    await enable('pgqueue');
    await admin.query(policy);
    expect(await refusal()).toMatchObject({ code: 'PGQUEUE_SCHEMA_MISMATCH' });
  });

  it('a policy that lets everything through hides nothing', async () => {
    await enable('pgqueue');
    await admin.query(
      `CREATE POLICY whole ON pgqueue TO ${role} USING (true) WITH CHECK (payload IS NOT NULL)`,
    );
    const queue = await start();
    const definition = newKind();
    const events = recordEvents(queue);
    queue.registerKind(definition, () => undefined);
    await queue.pushTask({ kind: definition, payload: null });
    expect(await events.first('attempt-settled')).toMatchObject({ as: 'succeeded' });
  });

  it.each(['pgqueue', 'pgqueue_lease'])('a view in the place of %s is found at boot', async (table) => {
    await admin.query(`ALTER TABLE ${table} RENAME TO moved; CREATE VIEW ${table} AS SELECT * FROM moved`);
    expect(await refusal()).toMatchObject({
      code: 'PGQUEUE_SCHEMA_MISMATCH',
      message: expect.stringContaining(`${table} (a view) must be a table of the queue`),
    });
  });

  it('tables in another schema are found at boot', async () => {
    await admin.query('CREATE SCHEMA elsewhere; ALTER TABLE pgqueue SET SCHEMA elsewhere');
    expect(await refusal()).toMatchObject({
      code: 'PGQUEUE_SCHEMA_MISMATCH',
      message: expect.stringContaining('there are some in schema "elsewhere"'),
    });
  });

  it('a server that is read-only is found at boot', async () => {
    await admin.query(`ALTER ROLE ${role} SET default_transaction_read_only = on`);
    expect(await refusal()).toMatchObject({
      code: 'PGQUEUE_SCHEMA_MISMATCH',
      message: expect.stringContaining('set default_transaction_read_only to off'),
    });
  });

  it.each([
    [
      'row security',
      'ALTER TABLE pgqueue ENABLE ROW LEVEL SECURITY',
      'ALTER TABLE pgqueue DISABLE ROW LEVEL SECURITY',
    ],
    [
      'an empty view',
      () =>
        `ALTER TABLE pgqueue_pause RENAME TO moved; CREATE VIEW pgqueue_pause AS SELECT * FROM moved WHERE false; GRANT ALL ON pgqueue_pause TO ${role}`,
      'DROP VIEW pgqueue_pause; ALTER TABLE moved RENAME TO pgqueue_pause',
    ],
  ])('health is down while %s hides rows at run time, and up again', async (_, hide, show) => {
    const queue = await start();
    queue.registerKind(newKind(), () => undefined);
    const events = recordEvents(queue);
    await events.first('claimed');
    const health = async () => (await app!.get(PgQueueHealthIndicator).isHealthy()).pgqueue;
    expect(await health()).toMatchObject({ status: 'up' });
    await admin.query(typeof hide === 'string' ? hide : hide());
    const down = await until(async () => {
      const answer = await health();
      return answer.status === 'down' && answer;
    }, 20_000);
    expect(down).toMatchObject({ message: 'the queue does not see its tables' });
    await events.first('connection-failed', ({ role: connection }) => connection === 'schema');
    await admin.query(show);
    await until(async () => (await health()).status === 'up');
  });
});
