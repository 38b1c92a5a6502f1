import { beforeEach, describe, expect, onTestFinished } from 'vitest';
import { Proxy } from '../faults/support/proxy.mjs';
import { type ChildApp, compileApps } from '../support/child-app.js';
import { cutOff } from '../support/cut-off.js';
import { newKind } from '../support/index.js';
import { createShardedApp, type ShardDatabases, shardsPerFile } from '../support/sharded-app.js';
import { createTestDatabase } from '../support/test-database.js';

const { it, databases, apps, app } = shardsPerFile(['a', 'b'], { apps: () => compileApps(), app: openIdle });

beforeEach(async () => {
  for (const shard of ['a', 'b']) await app.dataSource(shard).query('TRUNCATE pgqueue, pgqueue_pause');
});

describe('nestjs-pgqueue --shard', () => {
  it.each<[string[], string]>([
    [['--shard', 'postgres://me:secret@h/d'], '--shard: must be <name>=<url>'],
    [['--shard', 'a=postgres://me:secret@h:x/d'], '--shard a: is no address such as'],
    [['--shard', 'a=mysql://me:secret@h/d'], '--shard: must be <name>=<url>'],
    [['--shard', 'a/b=postgres://me:secret@h/d'], '--shard: must be a string of 1 to 63 letters'],
    [
      ['--shard', 'a=postgres://me:secret@h/d', '--shard', 'a=postgres://h/d'],
      '--shard: a is given twice. Name each shard once.',
    ],
  ])('refuses %j as wrong usage, and repeats no password', async (args, message) => {
    const { code, output } = await run('status', ...args);
    expect(output).toContain(message);
    expect(output).toMatch(/^nestjs-pgqueue: .*\n$/);
    expect(output).not.toContain('secret');
    expect(code).toBe(2);
  });

  it('creates the tables of every shard, or finds them', async () => {
    const other = await createTestDatabase();
    expect(await run('migrate', ...shards(), '--shard', `c=${other.url}`)).toEqual({
      code: 0,
      output: [
        'shard a, schema "public": nothing to do\n',
        'shard b, schema "public": nothing to do\n',
        'shard c, schema "public": the queue\'s tables were created\n',
      ].join(''),
    });
    await other.drop();
  });

  it('shows, explains and changes the tasks of all', async () => {
    const [inA, inB] = [await push('a'), await push('b')];
    const { code, output } = await run('status', ...shards());
    expect(code).toBe(0);
    expect(output).toMatch(/^shard\na +up\nb +up\n\nkind/);
    expect(output).toMatch(/^\d+ +pgqueue-\d+ +2 +0 /m);
    expect((await run('explain', inB, ...shards())).output).toMatch(/^Task b\/\d+ waits/);
    expect(await run('explain', 'c/1', ...shards())).toMatchObject({ code: 2 });
    expect(await run('cancel', inA, inB, ...shards())).toEqual({
      code: 0,
      output: '2 tasks were cancelled\n',
    });
    expect(await run('retry', '--kind', String(kind.kind), ...shards())).toEqual({
      code: 3,
      output: '0 tasks were given new attempts\n',
    });
  });

  it('says where a kind is not paused that is paused elsewhere', async () => {
    await app.dataSource('b').query('INSERT INTO pgqueue_pause (kind) VALUES ($1)', [kind.kind]);
    expect((await run('status', ...shards())).output).toMatch(/ paused since [-\d:.TZ]+, but not in a$/m);
  });

  it('does what it can while a shard is down, names it, and ends with 1', async () => {
    await push('a');
    await push('b');
    const restore = await cutOff(databases.b);
    try {
      const status = await run('status', ...shards());
      expect(status.code).toBe(1);
      expect(status.output).toMatch(/^shard\na +up\nb +down: .*not currently accepting connections\n/);
      expect(status.output).toMatch(/^\d+ +pgqueue-\d+ +1 +0 /m);
      expect(status.output).toMatch(/^nestjs-pgqueue: shard b: .*\n/m);
      const cancelled = await run('cancel', '--kind', String(kind.kind), ...shards());
      expect(cancelled.code).toBe(1);
      // Of two streams.
      expect(cancelled.output).toMatch(/^1 task was cancelled$/m);
      expect(cancelled.output).toMatch(/^nestjs-pgqueue: shard b: .*$/m);
    } finally {
      await restore();
    }
  });

  it('waits once for a shard that says nothing, and ends when it is told to', async () => {
    const proxy = await Proxy.start(Number(new URL(databases.b.url).port));
    const silent = ['--shard', `a=${databases.a.url}`, '--shard', `b=${proxy.through(databases.b.url)}`];
    const tail = start(['tail', '--interval', '100ms', ...silent]);
    await tail.writes('following');
    proxy.blackhole();
    const status = start(['status', ...silent]);
    const inA = await push('a');
    await tail.writes(`pushed           task ${inA} `);
    expect(tail.output()).not.toContain('shard-down');
    await tail.writes('shard-down       b: no answer within 10500 ms');
    tail.process.kill('SIGINT');
    expect(await tail.ended).toBe(0);
    expect(await status.ended).toBe(1);
    expect(status.output()).toMatch(/^shard\na +up\nb +down: /);
    await proxy.close();
  }, 60_000);

  it('follows all, and tells once of one that is down', async () => {
    const tail = start(['tail', '--interval', '100ms', ...shards()]);
    await tail.writes('following');
    const inB = await push('b');
    await tail.writes(`pushed           task ${inB} `);
    const restore = await cutOff(databases.b);
    await tail.writes('shard-down       b: ');
    const inA = await push('a');
    await tail.writes(`pushed           task ${inA} `);
    await restore();
    await tail.writes('shard-up         b\n');
    const later = await push('b');
    await tail.writes(`pushed           task ${later} `);
    expect(tail.output().match(/shard-down/g)).toHaveLength(1);
  });
});

const kind = newKind({ name: 'send-mail' });

const shards = () => ['a', 'b'].flatMap((name) => ['--shard', `${name}=${databases[name as 'a'].url}`]);

function start(args: string[]): ChildApp {
  const child = apps.start('lib/cli/main.ts', { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/x' }, args);
  onTestFinished(async () => {
    child.process.kill('SIGINT');
    await child.ended;
  });
  return child;
}

async function run(...args: string[]) {
  const child = start(args);
  const code = await child.ended;
  // Without the line that says who has done what.
  return { code, output: child.output().replaceAll(/^nestjs-pgqueue: \w+ by .*\n/gm, '') };
}

const push = async (shard: string) =>
  (await app.queue.pushTask({ kind, payload: 1 }, { shardKey: `${shard}/1` })).id!;

function openIdle(created: ShardDatabases) {
  return createShardedApp({ databases: created, options: { autoStart: false } });
}
