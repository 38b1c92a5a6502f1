import { readFileSync } from 'node:fs';
import { beforeEach, expect } from 'vitest';
import { OnCall } from '../../docs/examples/admin.js';
import { runCli } from '../../lib/cli/cli.js';
import { defineTask, QueueAdmin } from '../../lib/index.js';
import { cutOff } from '../support/cut-off.js';
import { databasePerFile, lazily } from '../support/index.js';
import { createShardDatabases, createShardedApp, dropShardDatabases } from '../support/sharded-app.js';

const { it, app } = databasePerFile({ app: { options: { autoStart: false }, providers: [OnCall] } });
const onCall = lazily(() => app.get(OnCall));

beforeEach(() => app.dataSource.query('TRUNCATE pgqueue, pgqueue_lease'));

it('reports what there is', async () => {
  await store(
    `(30, 'no_attempts_left', '{}', now(), now()), (30, 'new', '{}', '2026-01-01T00:00:00Z'::timestamptz, now())`,
  );
  await app.dataSource.query(
    `INSERT INTO pgqueue_lease (worker, slots, running, settings) VALUES ('web-1', '{"30": [5, 1, null]}', '[["7", 30, 1, 0]]', '{"silenceMs": 60000, "kinds": {"30": {"name": "send-mail"}}}')`,
  );
  expect(await onCall.report()).toEqual([
    'send-mail: 1 exhausted, oldest due 2026-01-01T00:00:00.000Z',
    'send-mail: 1/5 slots in 1 processes',
    expect.stringMatching(/^web-1: silent for \d+ ms, runs 7$/),
  ]);
});

it('tells what happened lately', async () => {
  await app.dataSource.query(
    `INSERT INTO pgqueue_activity VALUES (date_trunc('minute', now()), 30, 5, 2, 0, '{0,7}', '{7}')`,
  );
  expect(await onCall.lately()).toEqual(['send-mail: 2 failed; p95 waited 1.25 ms, ran 1 ms']);
});

it('lists every page', async () => {
  await app.queue.pushTasks(Array.from({ length: 250 }, (_, n) => ({ kind: Mail, payload: n })));
  expect(new Set((await onCall.all({ kind: Mail })).map(({ id }) => id)).size).toBe(250);
});

it('says what to do', async () => {
  const { id } = await app.queue.pushTask({ kind: Mail, payload: 1 }, { delay: '1h' });
  expect(await onCall.why(id!)).toMatch(/^wait until /);
  await app.get(QueueAdmin).runNow({ id: id! });
  expect(await onCall.why(id!)).toBe('start a process that handles it');
  expect(await onCall.why('404')).toMatch(/^There is no task 404/);
});

it('mends', async () => {
  await store(`
    (30, 'new', '{"region":"eu"}', now(), now()), (30, 'new', '{"region":"us"}', now(), now()),
    (30, 'cancelled', '1', now(), '2025-01-01'::timestamptz), (30, 'must_retry', '2', now() + interval '1 h', now()),
    (30, 'no_attempts_left', '3', now(), now())`);
  expect(await onCall.mend(Mail)).toBe('1 are tried again');
  expect(await app.stored()).toMatchObject([
    { status: 'cancelled' },
    { status: 'new' },
    { status: 'must_retry', payload: 2 },
    { status: 'must_retry', payload: 3, attempts_left: 3 },
  ]);
});

it('lists what is exhausted in the shards that can be asked, and tells which can not', async () => {
  const databases = await createShardDatabases('a', 'b');
  const sharded = await createShardedApp({ databases, options: { autoStart: false } });
  await sharded
    .dataSource('a')
    .query(
      `INSERT INTO pgqueue (kind, status, payload, messages) VALUES (30, 'no_attempts_left', '{}', '{boom}')`,
    );
  const restore = await cutOff(databases.b);
  expect(await new OnCall(sharded.get(QueueAdmin)).exhausted()).toEqual([
    expect.stringMatching(/^b is down: ./),
    'a/1: boom',
  ]);
  await restore();
  await sharded.close();
  await dropShardDatabases(databases);
});

it('names every command and every exit code in the table of docs/admin.md', async () => {
  let help = '';
  const output = { out: (text: string) => void (help += text), err: () => undefined };
  await runCli(['--help'], undefined, output, new AbortController().signal);
  const commands = [...help.split('Commands:\n')[1]!.matchAll(/^ {2}(\w+) /gm)].map(([, name]) => name);
  const markdown = readFileSync('docs/admin.md', 'utf8');
  const section = markdown.split('## The command line\n')[1]!;
  expect([...section.matchAll(/^\| `(\w+)/gm)].map(([, name]) => name)).toEqual(commands);
  for (const code of help.match(/Exit codes: (.*)\./)![1]!.split(', ')) {
    expect(section).toContain(`${code.replace(/^(\d) /, '`$1` ')}`);
  }
});

const Mail = defineTask({ kind: 30, name: 'send-mail' });

const store = (values: string) =>
  app.dataSource.query(`INSERT INTO pgqueue (kind, status, payload, run_at, created_at, finished_at)
     SELECT kind, status::pgqueue_status, payload::json, run_at, created_at, CASE WHEN status = 'cancelled' THEN now() END
     FROM (VALUES ${values}) v(kind, status, payload, run_at, created_at)`);
