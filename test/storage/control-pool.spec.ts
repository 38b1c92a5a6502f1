import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ownClient } from '../../lib/storage/connection-options.js';
import { ControlPool, type ControlPoolOptions } from '../../lib/storage/control-pool.js';
import { sessionSettings } from '../../lib/storage/own-session.js';
import { PgDatabase } from '../../lib/storage/pg-database.js';
import { giveSettings, HOSTILE_SETTINGS } from '../support/hostile-settings.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

let database: TestDatabase;
let owner: pg.Client;
const opened: { close(): Promise<void> }[] = [];

beforeAll(async () => {
  database = await createTestDatabase({ plain: true });
  owner = new pg.Client(database.url);
  await owner.connect();
});

afterEach(() => Promise.all(opened.splice(0).map((each) => each.close())));

afterAll(async () => {
  await owner.end();
  await database.drop();
});

function ownPool(
  connection: ControlPoolOptions['connection'],
  options: Partial<ControlPoolOptions> = {},
): ControlPool {
  const pool = new ControlPool({
    connection,
    purpose: { role: 'claim', worker: 'web-1' },
    max: 1,
    deadlineMs: 5000,
    transactionPooling: false,
    onError: () => undefined,
    ...options,
  });
  opened.push({ close: () => pool.close(100) });
  return pool;
}

/** A pool of the application's, and one of the queue's own that is made by it. */
function poolLike(config: pg.PoolConfig, url = database.url): ControlPool {
  const application = new pg.Pool({ connectionString: url, ...config });
  opened.push({ close: () => application.end() });
  const known = new PgDatabase(application);
  return ownPool(() => known.connectionOptions());
}

async function shown(pool: ControlPool, name: string): Promise<string | null> {
  const [row] = await pool.query(`show_${name}`, `SELECT current_setting('${name}') AS value`);
  return row!['value']!;
}

const session = async (pool: ControlPool) =>
  (await pool.query('session', 'SELECT pg_backend_pid() AS pid'))[0]!['pid'];

/** As the server shows it. */
const SHOWN: Record<string, string> = {
  statement_timeout: '5s',
  lock_timeout: '5s',
  idle_in_transaction_session_timeout: '3s',
};

/** Of these the role has nothing to say, or the server shows what the socket has. */
const ELSEWHERE = /^(client_encoding|tcp_keepalives_\w+)$/;

describe.each([
  ['sessions', false],
  ['transactions behind a pooler', true],
])('what the queue sets in its own %s', (_, transactionPooling) => {
  const role = transactionPooling ? 'pooled' : 'direct';

  beforeEach(async () => {
    await owner.query(`CREATE ROLE ${role} SUPERUSER LOGIN PASSWORD 'pw'`);
    await giveSettings(owner, role, HOSTILE_SETTINGS);
  });

  afterEach(() => owner.query(`DROP ROLE ${role}`));

  it('does not inherit what ALTER ROLE sets', async () => {
    const url = new URL(database.url);
    url.username = role;
    url.password = 'pw';
    const plain = new pg.Client(url.href);
    await plain.connect();
    opened.push({ close: () => plain.end() });
    const pool = ownPool(() => ({ connectionString: url.href }), { transactionPooling });
    const settings = Object.entries(sessionSettings({ deadlineMs: 5000 })).filter(
      ([name]) => !ELSEWHERE.test(name),
    );
    expect(settings.map(([name]) => name).toSorted()).toEqual(Object.keys(HOSTILE_SETTINGS).toSorted());
    for (const [name, value] of settings) {
      const { rows } = await plain.query('SELECT current_setting($1, true) AS value', [name]);
      if (rows[0].value === null) continue; // of a later PostgreSQL
      const expected = SHOWN[name] ?? value;
      expect({ [name]: await shown(pool, name) }).toEqual({ [name]: expected });
      expect({ [name]: rows[0].value }).not.toEqual({ [name]: expected });
    }
  });
});

it.each([
  ['none', '', undefined],
  ['those of its pool', '', '-c search_path=other'],
  ['those of its URL', '?options=-c%20search_path%3Dother&statement_timeout=77&query_timeout=1', undefined],
  ['those of its URL, among others', '?a=1&options=-c+search_path%3Dother&application_name=me', undefined],
])("sets its sessions up whatever the application's options are: %s", async (_, query, options) => {
  const pool = poolLike(
    {
      statement_timeout: 1234,
      query_timeout: 1,
      lock_timeout: 1234,
      idle_in_transaction_session_timeout: 1234,
      ...(options === undefined ? {} : { options }),
    },
    database.url + query,
  );
  expect(await shown(pool, 'enable_seqscan')).toBe('off');
  expect(await shown(pool, 'statement_timeout')).toBe('5s');
  expect(await shown(pool, 'lock_timeout')).toBe('5s');
  expect(await shown(pool, 'idle_in_transaction_session_timeout')).toBe('3s');
  expect(await shown(pool, 'search_path')).toBe('pg_catalog, pg_temp');
  const own = query.includes('name=me') ? 'me ' : '';
  expect(await shown(pool, 'application_name')).toBe(`${own}nestjs-pgqueue claim web-1`);
});

it("keeps the application's own name before its own, and the role whatever the length", async () => {
  expect(await shown(poolLike({ application_name: 'shop' }), 'application_name')).toBe(
    'shop nestjs-pgqueue claim web-1',
  );
  expect(await shown(poolLike({ fallback_application_name: 'shop' }), 'application_name')).toBe(
    'shop nestjs-pgqueue claim web-1',
  );
  const long = await shown(poolLike({ application_name: 'x'.repeat(80) }), 'application_name');
  expect(long).toMatch(/^x+ nestjs-pgqueue claim$/);
  expect(long).toHaveLength(63);
});

it("inherits nothing of how the application's pool uses its connections", async () => {
  class Odd extends pg.Client {
    override query(): never {
      throw new Error('of the application');
    }
  }
  const pool = poolLike({
    maxUses: 1,
    maxLifetimeSeconds: 0.001,
    idleTimeoutMillis: 1,
    query_timeout: 1,
    Promise: undefined as never,
    Client: Odd,
    onConnect: () => {
      throw new Error('of the application');
    },
    verify: (_, done) => done(new Error('of the application')),
    binary: true,
  } as pg.PoolConfig);
  const first = await session(pool);
  await new Promise((resolve) => setTimeout(resolve, 50));
  await pool.query('sleep', 'SELECT pg_sleep(0.05)');
  expect(await session(pool)).toBe(first);
});

it('sets up what another pool lends, and leaves it as it was', async () => {
  await owner.query("CREATE ROLE lonely LOGIN PASSWORD 'pw' CONNECTION LIMIT 1");
  const url = Object.assign(new URL(database.url), { username: 'lonely', password: 'pw' });
  const connection = () => ({ connectionString: url.href });
  const lender = ownPool(connection, { lockTimeoutMs: 700 });
  const borrower = ownPool(connection, { lockTimeoutMs: 300, deadlineMs: 2000, lenders: () => [lender] });
  const lent = await session(lender);
  expect(await session(borrower)).toBe(lent);
  expect(await shown(borrower, 'lock_timeout')).toBe('300ms');
  expect(await shown(borrower, 'statement_timeout')).toBe('2s');
  expect(await shown(borrower, 'search_path')).toBe('pg_catalog, pg_temp');
  expect(await session(lender)).toBe(lent);
  expect(await shown(lender, 'lock_timeout')).toBe('700ms');
  expect(await shown(lender, 'statement_timeout')).toBe('5s');
  await Promise.all([lender.close(100), borrower.close(100)]);
  await owner.query('DROP ROLE lonely');
});

const optionsOf = (client: pg.Client) =>
  (client as unknown as { connectionParameters: { options?: string } }).connectionParameters.options;

it('opens no session that a pooler would give to others, unless it is told of the pooler', async () => {
  const startup = (transactionPooling: boolean) =>
    ownClient(
      { connectionString: `${database.url}?options=-c%20work_mem%3D5MB` },
      { purpose: { role: 'claim' }, deadlineMs: 5000, transactionPooling },
    );
  const direct = startup(false);
  await direct.connect();
  const { rows } = await direct.query("SELECT current_setting('work_mem') AS kept");
  await direct.end();
  expect(rows).toEqual([{ kept: '5MB' }]);
  // What PgBouncer refuses to open a connection for.
  expect(optionsOf(direct)).toBe('-c work_mem=5MB -c jit=off');
  expect(optionsOf(startup(true))).toBe('-c work_mem=5MB');
});

describe('how the queue connects', () => {
  beforeEach(() => owner.query(`CREATE ROLE rotated LOGIN PASSWORD 'first'`));
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((each) => each.close()));
    await owner.query('DROP ROLE rotated');
  });

  const withoutPassword = (): pg.PoolConfig => {
    const { hostname, port, pathname } = new URL(database.url);
    return { host: hostname, port: Number(port), database: pathname.slice(1), user: 'rotated' };
  };
  const cut = () =>
    owner.query(`SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'rotated'`);
  /** Whatever the first statement on the connection that was cut says. */
  const reconnected = async (pool: ControlPool) => {
    await session(pool).catch(() => undefined);
    return session(pool);
  };

  it.each([false, true])('asks for a password that was rotated: by a function, %s', async (isFunction) => {
    let password = 'first';
    const application = new pg.Pool({
      ...withoutPassword(),
      password: isFunction ? async () => password : password,
    });
    opened.push({ close: () => application.end() });
    const known = new PgDatabase(application);
    const pool = ownPool(() => known.connectionOptions());
    const first = await session(pool);
    password = 'second';
    if (!isFunction) application.options.password = password;
    await owner.query(`ALTER ROLE rotated PASSWORD 'second'`);
    await cut();
    expect(await reconnected(pool)).not.toBe(first);
  });

  it("connects as the application's class of clients does", async () => {
    class WithToken extends pg.Client {
      override connect(callback?: unknown): never {
        Object.assign(this, { password: 'first' });
        return super.connect(callback as never) as never;
      }
    }
    const application = new pg.Pool({ ...withoutPassword(), Client: WithToken } as pg.PoolConfig);
    opened.push({ close: () => application.end() });
    const known = new PgDatabase(application);
    expect(await session(ownPool(() => known.connectionOptions()))).toBeTruthy();
  });

  it('goes on as it last could while the application has no pool, and says so', async () => {
    const errors: string[] = [];
    let current: Record<string, unknown> | undefined = { ...withoutPassword(), password: 'first' };
    const connection = () => {
      if (!current) throw new Error('no pool');
      return current;
    };
    const pool = ownPool(connection, { onError: ({ message }) => errors.push(message) });
    await session(pool);
    current = undefined;
    await cut();
    expect(await reconnected(pool)).toBeTruthy();
    expect(errors).toContain('no pool');
  });
});
