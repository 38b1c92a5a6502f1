import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { EmbeddedPostgres } from '../../scripts/embedded-postgres/index.mjs';
import { check } from './support/checker.mjs';
import { Producer } from './support/producer.mjs';
import { cli, commitBefore, Release } from './support/release.mjs';
import { ask } from './support/side-tables.mjs';
import { eventually } from './support/wait.mjs';
import { Worker } from './support/worker.mjs';

const PUSHING_APP = fileURLToPath(new URL('support/pushing-app.mjs', import.meta.url));
const BEFORE = await commitBefore();

async function starts(url: string, { run }: Worker): Promise<number> {
  return (await ask(url, 'SELECT count(*)::int AS n FROM starts WHERE run = $1', [run]))[0].n;
}

// A clone without history has no release before.
describe.skipIf(BEFORE === undefined)('this release and the one before on the same tables', () => {
  let server: EmbeddedPostgres;
  let before: Release;
  let workers: Worker[] = [];
  let pushing: ChildProcess | undefined;

  beforeAll(async () => {
    [server, before] = await Promise.all([
      EmbeddedPostgres.start({ max_connections: 200 }),
      Release.build(BEFORE!),
    ]);
  }, 240_000);
  afterEach(async () => {
    pushing?.kill('SIGKILL');
    pushing = undefined;
    await Promise.all(workers.filter(({ exit }) => !exit).map((worker) => worker.destroy()));
    workers = [];
  });
  afterAll(async () => {
    await before?.remove();
    await server?.stop();
  });

  async function createDatabase(name: string): Promise<string> {
    await ask(server.url, `CREATE DATABASE "${name}"`);
    const url = new URL(server.url);
    url.pathname = `/${name}`;
    return url.href;
  }

  async function start(url: string, app?: string): Promise<Worker> {
    const slots = { workerCount: 5, attemptTimeout: '20s' } as const;
    const kinds = { work: slots, other: slots, fleeting: slots };
    const queue = { leaseTimeout: '3s', heartbeatPeriod: '300ms' } as const;
    const worker = await Worker.start({ url, kinds, queue }, app);
    workers.push(worker);
    return worker;
  }

  const runsTasks = (url: string, worker: Worker) =>
    eventually(
      () => starts(url, worker),
      30_000,
      () => `it runs tasks: ${worker.output}`,
    );

  async function expectSound(url: string, acknowledged: Iterable<string>): Promise<void> {
    const open = "SELECT FROM pgqueue WHERE status IN ('new', 'must_retry')";
    await eventually(async () => (await ask(url, open)).length === 0, 60_000, 'all tasks end');
    const alive = workers.filter(({ exit }) => !exit).map(({ pid }) => pid);
    const broken = async () => (await check(url, { acknowledged, alive })).broken;
    await vi.waitFor(async () => expect(await broken()).toEqual({}), { timeout: 15_000, interval: 200 });
  }

  it('processes of the release before start on the tables of this one, and run, push and settle there', async () => {
    const url = await createDatabase('newer_tables');
    const producer = await Producer.start(url);
    const old = await start(url, before.workerApp);
    await producer.push(
      ...Array.from({ length: 20 }, (_, n) => [
        { do: 'follows', life: `follows-${n}` },
        { do: 'completes', life: `completes-${n}` },
        { do: 'throws', times: 1, life: `throws-${n}` },
        { do: 'cancels', life: `cancels-${n}` },
      ]).flat(),
    );
    await expectSound(url, producer.acknowledged);
    expect(await starts(url, old)).toBeGreaterThanOrEqual(100);

    // A lease of the release before is rescued by this one.
    const [id] = await producer.push({ do: 'hang', times: 1, life: 'hangs' });
    await eventually(
      async () => (await producer.rows('SELECT FROM starts WHERE task_id = $1', [id])).length === 1,
    );
    await old.destroy();
    await start(url);
    await expectSound(url, producer.acknowledged);
    expect(await producer.task(id!)).toMatchObject({ status: 'succeeded', attempts_elapsed: 2 });
    await producer.close();
  });

  it('the tables of the release before are brought up to date, process after process, while its producers and workers go on', async () => {
    const url = await createDatabase('rolling');
    pushing = fork(PUSHING_APP, [before.file('test/faults/support/producer.mjs'), url]);
    await once(pushing, 'message');
    const old = [await start(url, before.workerApp), await start(url, before.workerApp)];
    await Promise.all(old.map((worker) => runsTasks(url, worker)));

    expect(await cli(url, 'migrate')).toMatch(/^schema "public": /);
    expect(await cli(url, 'migrate')).toBe('schema "public": nothing to do\n');
    const [now] = [await start(url), await old[0]!.destroy()];
    await runsTasks(url, now);
    // A deploy that is under way must not keep anything from being started again.
    const again = await start(url, before.workerApp);
    await runsTasks(url, again);

    // Back, and forth at last.
    await now.destroy();
    await runsTasks(url, await start(url));
    await Promise.all([old[1]!, again].map((worker) => worker.destroy()));
    pushing.send('stop');
    const [{ acknowledged }] = (await once(pushing, 'message')) as [{ acknowledged: string[] }];
    expect(acknowledged.length).toBeGreaterThan(100);
    await expectSound(url, acknowledged);
  });
});
