import { randomBytes } from 'node:crypto';
import { userInfo } from 'node:os';
import pg from 'pg';
import { beforeEach, describe, expect } from 'vitest';
import { createPgQueueMigrations, defineTask, noJitter } from '../../lib/index.js';
import { describeSchema } from '../support/catalog.js';
import { type ChildApp, compileApps } from '../support/child-app.js';
import { databasePerFile, IDLE, until } from '../support/index.js';
import { CLI_ARGS } from '../support/over.js';
import { createQueueApp, storedTasks } from '../support/queue-app.js';
import { createTestDatabase } from '../support/test-database.js';

const { it, database, app, apps } = databasePerFile({ apps: () => compileApps(), app: IDLE });

beforeEach(() => app.dataSource.query('TRUNCATE pgqueue, pgqueue_pause, pgqueue_lease'));

describe('nestjs-pgqueue', () => {
  it('tells how it is used', async () => {
    const help = await run(['--help']);
    expect(help.code).toBe(0);
    for (const command of ['migrate', 'status', 'tail', 'retry', 'cancel', 'explain']) {
      expect(help.output).toMatch(new RegExp(`^  ${command} `, 'm'));
      const own = await run([command, '--help'], { DATABASE_URL: '' });
      expect(own.code).toBe(0);
      expect(own.output).toMatch(new RegExp(`^Usage: nestjs-pgqueue ${command}`));
    }
    expect((await run([])).code).toBe(2);
  });

  it.each<[string[], string]>([
    [['destroy'], 'there is no command "destroy"; --help lists them'],
    [['constructor'], 'there is no command "constructor"'],
    [['status', '--colour'], "Unknown option '--colour'"],
    [['status', 'now'], 'usage: nestjs-pgqueue status'],
    [['explain'], 'usage: nestjs-pgqueue explain <id>'],
    [
      ['explain', '1; DROP TABLE pgqueue'],
      `id: must be a task's id, a string of digits, got "1; DROP TABLE pgqueue"`,
    ],
    [['retry'], 'name the tasks: ids, --kind, --key or --text'],
    [['retry', '--kind', 'nobody'], 'no live worker process handles a kind named "nobody"'],
    [['retry', '--kind', '70000'], 'kind: must be an integer from -32768 to 32767, got 70000'],
    [['cancel', '--kind', '1', '--limit', '1e9'], '--limit: must be a whole number, got "1e9"'],
    [['cancel', '--kind', '1', '--attempts', '1'], "Unknown option '--attempts'"],
    [['tail', '--interval', 'soon'], "--interval: must be milliseconds or a duration such as '90s'"],
    [['status', '--schema', ''], 'schema: must be a name of 1 to 63 bytes'],
  ])('refuses %j as wrong usage, in one line', async (args, message) => {
    const { code, output } = await run(args);
    expect(output).toContain(message);
    expect(output).toMatch(/^nestjs-pgqueue: .*\n$/);
    expect(code).toBe(2);
  });

  it('fails in one line, without a database and without tables', async () => {
    const unset = await run(['status'], { DATABASE_URL: '' });
    expect(unset).toEqual({ code: 2, output: expect.stringContaining('DATABASE_URL is not set') });
    for (const address of ['postgres://user:sec#ret@host/x', 'postgres://user:sec@h:99999/x', 'host/x']) {
      const { code, output } = await run(['status'], { DATABASE_URL: address });
      expect(output).toMatch(/^nestjs-pgqueue: DATABASE_URL: is no address such as .*\n$/);
      expect(output).not.toContain('sec');
      expect(code).toBe(2);
    }
    const unreachable = await run(['status'], { DATABASE_URL: 'postgres://user:secret@127.0.0.1:1/x' });
    expect(unreachable.code).toBe(1);
    expect(unreachable.output).toMatch(/^nestjs-pgqueue: .*ECONNREFUSED.*\n$/);
    expect(unreachable.output).not.toContain('secret');
    const missing = await run(['status', '--schema', 'nowhere']);
    expect(missing.code).toBe(1);
    expect(missing.output).toMatch(
      /^nestjs-pgqueue: schema "nowhere": the queue's tables are missing; .*\n$/,
    );
  });
});

describe('migrate', () => {
  it('creates the same tables as the migrations, once, also in an oddly named schema', async () => {
    const other = await createTestDatabase();
    const env = { DATABASE_URL: other.url };
    const args = ['migrate', '--schema', SCHEMA, '--json'];
    const told = async (...more: string[]) => JSON.parse((await run([...args, ...more], env)).output);
    expect(await told('--dry-run')).toMatchObject({ created: true, does: 'create', dryRun: true });
    expect(await describeSchema(other.url, SCHEMA)).toEqual([]);
    expect(await told()).toMatchObject({ shard: 'default', schema: SCHEMA, created: true, dryRun: false });
    expect(await told()).toMatchObject({ created: false, does: 'nothing', parts: [] });
    const created = await describeSchema(other.url, SCHEMA);
    expect(created).not.toEqual([]);
    // TypeORM finds them made.
    const migrated = await createQueueApp({
      url: other.url,
      options: { schema: SCHEMA },
      typeorm: { migrations: [...createPgQueueMigrations({ schema: SCHEMA })] },
    });
    await migrated.close();
    expect(await describeSchema(other.url, SCHEMA)).toEqual(created);
    const client = new pg.Client({ connectionString: other.url });
    await client.connect();
    await client.query(
      `COMMENT ON TABLE ${pg.escapeIdentifier(SCHEMA)}.pgqueue IS 'nestjs-pgqueue schema 99'`,
    );
    await client.end();
    const newer = await run(args, env);
    expect(newer.code).toBe(1);
    expect(newer.output).toContain(
      'are of version 99.0, this release needs version 1.x; update nestjs-pgqueue',
    );
    await other.drop();
  });
});

describe('status', () => {
  it('shows an empty queue', async () => {
    expect(await run(['status'])).toEqual({
      code: 0,
      output: 'no tasks, and no kinds that a live process handles\n\nno worker processes\n',
    });
  });

  it('shows tasks, kinds and worker processes, as a table and as JSON', async () => {
    await push(1);
    await app.dataSource.query(`INSERT INTO pgqueue_pause (kind) VALUES (9)`);
    await app.dataSource.query(
      `INSERT INTO pgqueue_lease (worker, version, slots, settings)
       VALUES (E'w\\n\\x1b[31m1', '0.1.0', '{"7": [5, 2, null]}', '{"silenceMs": 60000, "kinds": {"7": {"name": "send-mail"}}}')`,
    );
    const { output } = await run(['status']);
    expect(output).toMatch(/^kind {2}name +new .* oldest due +slots/);
    expect(output).toMatch(/^7 +send-mail +1 +0 +0 +0 +0 +0 +\d+ m?s +2\/5$/m);
    expect(output).toMatch(/^9 +pgqueue-9 .* paused since /m);
    expect(output).toMatch(/^w \[31m1 +0\.1\.0 .*send-mail 2\/5 +-$/m);
    const json = await answer('status');
    expect(json).toMatchObject({
      code: 0,
      answer: {
        counts: [{ kind: 7, name: 'send-mail', statuses: { new: { count: 1, approximate: false } } }],
        kinds: [
          { kind: 7, processes: 1 },
          { kind: 9, processes: 0 },
        ],
        workers: [{ lost: false }],
      },
    });
  });
});

describe('explain', () => {
  it('says why, in a sentence or as JSON, and tells by its code that there is no such task', async () => {
    const id = await push(1);
    expect(await run(['explain', id])).toEqual({
      code: 0,
      output: `Task ${id} waits: no live worker process handles its kind pgqueue-7.\n`,
    });
    expect(await answer('explain', id)).toMatchObject({ code: 0, answer: { id, reason: 'no-worker' } });
    expect(await answer('explain', '404')).toMatchObject({ code: 3, answer: { reason: 'not-found' } });
  });
});

it('prints no control and format characters as JSON, and loses none', async () => {
  const name = 'mail\u202egnp.exe\u009b31m\u{e0041}\u200d';
  await app.dataSource.query(
    `INSERT INTO pgqueue_lease (worker, slots, settings) VALUES ($1, '{"7": [5, 2, null]}', '{"silenceMs": 60000, "kinds": {}}')`,
    [name],
  );
  const { output } = await run(['status', '--json']);
  expect(output.trimEnd()).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  expect(JSON.parse(output).workers).toMatchObject([{ worker: name }]);
});

describe('retry and cancel', () => {
  it('change the tasks named, and tell by their code when there were none', async () => {
    const ids = [
      await push({ to: 'ada' }),
      await push({ to: `it's "quoted" %` }, 'key'),
      await push({ to: 'eve' }),
    ];
    expect(await run(['cancel', '--key', 'key'])).toEqual({ code: 0, output: '1 task was cancelled\n' });
    expect(await run(['cancel', '--key', 'key'])).toEqual({ code: 3, output: '0 tasks were cancelled\n' });
    expect(await answer('cancel', '--text', `it's "quoted" %`)).toEqual({
      code: 3,
      answer: { changed: 0, more: false },
    });
    await setStatus(ids[0]!, 'no_attempts_left');
    await setStatus(ids[2]!, 'no_attempts_left');
    expect(await answer('retry', '--kind', '7', '--text', 'EVE', '--attempts', '9')).toEqual({
      code: 0,
      answer: { changed: 1, more: false },
    });
    expect(await run(['retry', ...ids])).toEqual({ code: 0, output: '1 task was given new attempts\n' });
    expect(await storedTasks(app.dataSource)).toMatchObject([
      { status: 'must_retry', attempts_left: 3 },
      { status: 'cancelled' },
      { status: 'must_retry', attempts_left: 9 },
    ]);
    const limited = await run(['cancel', '--kind', '7', '--limit', '1']);
    expect(limited.output).toBe('1 task was cancelled; the limit was reached, there may be more\n');
  });

  it('tell who has done what', async () => {
    const id = await push(1, 'told');
    const named = await runWithRecord(['cancel', id, '--by', 'jane\u202e\u009b31m']);
    expect(named.output).toContain(
      `nestjs-pgqueue: cancel by jane 31m (cli): changed 1 task; id ${id}, limit 1000\n`,
    );
    const byUser = await runWithRecord(['cancel', '--key', 'told']);
    expect(byUser.output).toContain(
      `nestjs-pgqueue: cancel by ${userInfo().username} (cli): changed 0 tasks; externalKey told, limit 1000\n`,
    );
    expect((await runWithRecord(['cancel', id, '--by', ''])).code).toBe(2);
  });

  it('find a kind by the name that a worker process has for it', async () => {
    const worker = await createQueueApp({ url: database.url });
    const Broken = defineTask({ kind: 8, name: 'always-breaks', maxAttempts: 1 });
    worker.queue.registerKind(Broken, () => Promise.reject(new Error('no')), {
      attemptTimeout: '5s',
      backoff: noJitter('1s'),
    });
    await worker.queue.pushTask({ kind: Broken, payload: 1 });
    await until(async () => (await storedTasks(app.dataSource, `status = 'no_attempts_left'`)).length === 1);
    expect((await answer('retry', '--kind', 'always-breaks')).answer).toEqual({ changed: 1, more: false });
    await worker.close();
  });

  it('work for a role that has no more rights than an application', async () => {
    const role = `pgqueue_cli_${randomBytes(6).toString('hex')}`;
    await app.dataSource.query(`CREATE ROLE ${role} LOGIN PASSWORD 'secret'`);
    await app.dataSource.query(
      `GRANT SELECT, INSERT, UPDATE, DELETE ON pgqueue, pgqueue_lease, pgqueue_registry, pgqueue_pause, pgqueue_activity, pgqueue_snapshot TO ${role}`,
    );
    const url = Object.assign(new URL(database.url), { username: role, password: 'secret' }).href;
    const id = await push(1);
    for (const args of [['status'], ['explain', id], ['cancel', id]]) {
      expect(await run(args, { DATABASE_URL: url })).toMatchObject({ code: 0 });
    }
    await app.dataSource.query(`DROP OWNED BY ${role}`);
    await app.dataSource.query(`DROP ROLE ${role}`);
  });
});

const Mail = defineTask({ kind: 7, name: 'send-mail' });

const start = (args: string[], env: Record<string, string> = {}): ChildApp =>
  apps.start('lib/cli/main.ts', { DATABASE_URL: database.url, ...env }, [
    ...args.slice(0, 1),
    ...CLI_ARGS,
    ...args.slice(1),
  ]);

async function run(args: string[], env?: Record<string, string>) {
  const { code, output } = await runWithRecord(args, env);
  return { code, output: output.replaceAll(RECORD, '') };
}

async function runWithRecord(args: string[], env?: Record<string, string>) {
  const child = start(args, env);
  const code = await child.ended;
  return { code, output: child.output() };
}

async function answer(...args: string[]) {
  const { code, output } = await run([...args, '--json']);
  return { code, answer: JSON.parse(output) };
}

const push = async (payload: unknown, externalKey: string | null = null) =>
  (await app.queue.pushTask({ kind: Mail, payload, externalKey })).id!;

const setStatus = (id: string, status: string) =>
  app.dataSource.query(
    `UPDATE pgqueue SET status = $1, attempts_left = 0, attempts_elapsed = 3, messages = '{boom}', finished_at = now() WHERE id = $2`,
    [status, id],
  );

const SCHEMA = 'odd "name"; --';

/** The line that says who has done what. */
const RECORD = /^nestjs-pgqueue: \w+ by .*\n/gm;
