import { readFileSync } from 'node:fs';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Databases } from '../../docs/examples/sharding/databases.js';
import { Letter } from '../../docs/examples/sharding/letter.entity.js';
import { SendLetter } from '../../docs/examples/sharding/letters.js';
import type { ShardSettings } from '../../docs/examples/sharding/shard-settings.js';
import { runCli } from '../../lib/cli/cli.js';
import { InvalidTaskError, PgQueueHealthIndicator, QueueAdmin, QueueService } from '../../lib/index.js';
import { cutOff } from '../support/cut-off.js';
import { createShardDatabases, dropShardDatabases, type ShardDatabases } from '../support/sharded-app.js';
import { rejectionOf } from '../support/thrown-by.js';
import { until } from '../support/until.js';
import { LetterFleet } from './letter-fleet.js';

let databases: ShardDatabases<'default' | 'eu-2' | 'eu-3'>;
let fleet: LetterFleet;

beforeEach(async () => {
  databases = await createShardDatabases('default', 'eu-2', 'eu-3');
  fleet = new LetterFleet();
});

afterEach(async () => {
  await fleet.close();
  await dropShardDatabases(databases);
});

type Shard = keyof typeof databases;

function settings(names: readonly Shard[], others: Partial<ShardSettings> = {}): ShardSettings {
  const urls = Object.fromEntries(names.map((name) => [name, databases[name].url]));
  return { urls, movedTo: {}, draining: [], ...others };
}

async function rowsOf(shard: Shard, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: databases[shard].url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

const example = (shard: Shard, file: string) =>
  rowsOf(shard, readFileSync(`docs/examples/sharding/${file}`, 'utf8'));
const openTasks = (shard: Shard) => example(shard, 'open-tasks.sql');
const servingProcesses = (shard: Shard) => example(shard, 'serving-processes.sql');

/** Runs the line of the document that begins with this command. */
async function runDocumented(command: string, url: string): Promise<string> {
  const [, line] = new RegExp(`^npx nestjs-pgqueue (${command} .*)$`, 'm').exec(
    readFileSync('docs/sharding.md', 'utf8'),
  )!;
  const args = line!.replace(/"\$EU_\d_URL"/, url).split(' ');
  let output = '';
  const write = (text: string) => (output += text);
  const exitCode = await runCli(args, undefined, { out: write, err: write }, new AbortController().signal);
  expect({ exitCode, output }).toMatchObject({ exitCode: 0 });
  return output;
}

/** How often each letter was sent, by its id. */
async function sentIn(...shards: Shard[]): Promise<Map<string, number>> {
  const letters = await Promise.all(
    shards.map((shard) => rowsOf(shard, 'SELECT id, "timesSent" FROM letter')),
  );
  return new Map(letters.flat().map(({ id, timesSent }) => [id as string, timesSent as number]));
}

describe('the example', () => {
  it('writes, greets and sends in the customer’s shard, and says whom it could not reach', async () => {
    await fleet.start(settings(['default', 'eu-2', 'eu-3'], { movedTo: { 'eu-3': 'default' } }));
    const { letters } = fleet.next();
    const written = [await letters.write('eu-2:1'), await letters.write('eu-3:1')];
    await until(async () => [...(await sentIn('eu-2', 'default')).values()].join() === '1,1');
    expect([...(await sentIn('eu-2')).keys()]).toEqual([written[0]!.id]);
    expect((await letters.greet('eu-2:1')).id).toMatch(/^eu-2\//);
    expect((await letters.greet('eu-3:1')).id).toMatch(/^\d+$/);

    const customers = ['default:1', 'eu-2:1', 'eu-2:2'];
    const restore = await cutOff(databases['eu-2']);
    expect(await letters.greetAll(customers).finally(restore)).toEqual(['eu-2:1', 'eu-2:2']);
    expect(await letters.greetAll(customers)).toEqual([]);
    const greetings = 'SELECT FROM pgqueue WHERE external_key IS NOT NULL';
    expect([await rowsOf('default', greetings), await rowsOf('eu-2', greetings)]).toEqual([[{}], [{}, {}]]);
  });
});

describe('adding a shard', () => {
  it('takes a rolling restart, in which old processes that do not know it run beside new ones', async () => {
    const old = settings(['default', 'eu-2']);
    await fleet.start(old, old);
    const traffic = fleet.traffic(['default:1', 'eu-2:1']);
    expect(await runDocumented('migrate', databases['eu-3'].url)).toContain('tables were created');

    const added = settings(['default', 'eu-2', 'eu-3']);
    await fleet.roll(added, async (before) => {
      expect(await rejectionOf(before.letters.greet('eu-3:1'))).toBeInstanceOf(InvalidTaskError);
      await until(async () => (await servingProcesses('eu-3')).length === 1);
      await traffic.goesOn();
    });
    expect(await openTasks('eu-3')).toEqual([]);
    await until(async () => (await servingProcesses('eu-3')).length === fleet.size);

    const health = await fleet.next().app.get(PgQueueHealthIndicator, { strict: false }).isHealthy();
    expect(health.pgqueue).toMatchObject({ shards: { 'eu-3': { status: 'up' } } });

    traffic.customers.push('eu-3:1', 'eu-3:2');
    await until(async () => (await sentIn('eu-3')).size > 10);
    const written = await traffic.stop();
    await until(async () => (await openTasks('eu-3')).length === 0);
    await until(async () => (await openTasks('eu-2')).length === 0);
    await until(async () => (await openTasks('default')).length === 0);
    expect(await sentIn('default', 'eu-2', 'eu-3')).toEqual(new Map(written.map((id) => [id, 1])));
  });
});

/** A letter of a customer in eu-2 whose task is due in an hour. @returns its id */
async function writeForLater(): Promise<string> {
  const { app } = fleet.next();
  return app
    .get(Databases, { strict: false })
    .of('eu-2')
    .transaction(async (manager) => {
      const { id } = await manager.save(manager.create(Letter, { customerId: 'eu-2:2' }));
      const task = { kind: SendLetter, payload: { letterId: id } };
      await app.get(QueueService, { strict: false }).pushTask(task, { manager, delay: '1h' });
      return id;
    });
}

describe('draining and removing a shard', () => {
  it('loses nothing, runs nothing twice, and the rest goes on', async () => {
    const all: Shard[] = ['default', 'eu-2', 'eu-3'];
    await fleet.start(settings(all), settings(all));
    const traffic = fleet.traffic(['default:1', 'eu-2:1', 'eu-3:1']);
    await until(async () => (await sentIn('eu-2')).size > 10);
    const late = await writeForLater();

    const movedTo = { 'eu-2': 'eu-3' };
    await fleet.roll(settings(all, { movedTo }), () => traffic.goesOn());
    const inOld = (await sentIn('eu-2')).size;
    await until(async () => (await openTasks('eu-2'))[0]?.['count'] === '1');
    await traffic.goesOn();
    expect((await sentIn('eu-2')).size).toBe(inOld);
    const running = await fleet.next().app.get(QueueAdmin, { strict: false }).runNow({ kind: SendLetter });
    expect(running).toMatchObject({ changed: 1 });
    await until(async () => (await openTasks('eu-2')).length === 0);
    expect(await runDocumented('status', databases['eu-2'].url)).toMatch(
      new RegExp(`^${SendLetter.kind} .*? +0 +0 +0 +0 +${inOld} `, 'm'),
    );

    await fleet.roll(settings(all, { movedTo, draining: ['eu-2'] }), () => traffic.goesOn());
    const { app } = fleet.next();
    const push = app
      .get(Databases, { strict: false })
      .of('eu-2')
      .transaction((manager) =>
        app
          .get(QueueService, { strict: false })
          .pushTask({ kind: SendLetter, payload: { letterId: '' } }, { manager }),
      );
    expect(await rejectionOf(push)).toMatchObject({ code: 'PGQUEUE_INVALID_TASK' });
    expect(await app.get(QueueAdmin, { strict: false }).shards()).toMatchObject([
      { name: 'default', draining: false },
      { name: 'eu-2', reachable: true, draining: true },
      { name: 'eu-3', draining: false },
    ]);
    expect(await openTasks('eu-2')).toEqual([]);

    await fleet.roll(settings(['default', 'eu-3'], { movedTo }), () => traffic.goesOn());
    await until(async () => (await servingProcesses('eu-2')).length === 0);
    const kept = await sentIn('eu-2');
    await databases['eu-2'].drop();
    await traffic.goesOn();
    const written = await traffic.stop();
    await until(async () => (await openTasks('default')).length === 0);
    await until(async () => (await openTasks('eu-3')).length === 0);
    const sent = new Map([...kept, ...(await sentIn('default', 'eu-3'))]);
    expect(sent).toEqual(new Map([...written, late].map((id) => [id, 1])));
  }, 60_000);
});
