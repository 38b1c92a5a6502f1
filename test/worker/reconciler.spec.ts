import net from 'node:net';
import { expect, vi } from 'vitest';
import { Reconciler } from '../../lib/worker/lease/reconciler.js';
import { databasePerFile, deferred, IDLE, newKind, recordEvents, until } from '../support/index.js';
import { cannotRunOver } from '../support/over.js';
import { createQueueApp } from '../support/queue-app.js';

const { it, database, producer, openApp } = databasePerFile({ producer: IDLE });

it.skipIf(cannotRunOver({ pgbouncer: 'the server is reached by another way' }))(
  'runs what a claim took whose answer was lost, beside a long task of the same process, and uses no attempt',
  async () => {
    const cutter = await startCutter();
    const long = newKind();
    const fast = newKind({ workerCount: 5, maxAttempts: 3 });
    const end = deferred();
    const started = deferred();
    const attempts: number[] = [];
    const worker = await createQueueApp({ url: cutter.url, options: { autoStart: false } });
    worker.queue.registerKind(long, async () => {
      started.resolve();
      await end.promise;
    });
    worker.queue.registerKind(fast, ({ attempt }) => void attempts.push(attempt));
    const events = recordEvents(worker.queue);
    await worker.queue.start();
    await producer.queue.pushTask({ kind: long, payload: 0 });
    await started.promise;
    cutter.armed = true;
    await producer.queue.pushTasks([1, 2, 3].map((payload) => ({ kind: fast, payload })));
    await until(() => attempts.length === 3);
    expect(cutter.cuts).toBe(1);
    expect(attempts).toEqual([1, 1, 1]);
    expect(events.of('tasks-released').map(({ kind, count }) => [kind, count])).toEqual([[fast.kind, 3]]);
    expect(events.of('lease-acquired')).toHaveLength(1);
    expect(events.of('lease-lost')).toEqual([]);
    end.resolve();
    await worker.close();
    cutter.close();
  },
);

it.skipIf(cannotRunOver({ pgbouncer: 'the server is reached by another way' }))(
  'releases what a claim took whose answer was lost, though the database refuses to release one of it',
  async () => {
    const cutter = await startCutter();
    const kind = newKind({ workerCount: 5, maxAttempts: 3 });
    const ran: unknown[] = [];
    const worker = await createQueueApp({ url: cutter.url, options: { autoStart: false } });
    worker.queue.registerKind(kind, ({ payload }) => void ran.push(payload));
    const events = recordEvents(worker.queue);
    await producer.dataSource.query(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN RAISE 'refused by a trigger'; END $$`);
    await producer.dataSource.query(
      `CREATE TRIGGER refuse BEFORE UPDATE ON pgqueue FOR EACH ROW WHEN (old.external_key = 'bad' AND new.lease_id IS NULL) EXECUTE FUNCTION refuse()`,
    );
    await producer.queue.pushTasks(
      ['bad', 'good', 'too'].map((externalKey) => ({ kind, payload: externalKey, externalKey })),
    );
    cutter.armed = true;
    await worker.queue.start();
    await until(() => ran.length === 2);
    expect(ran.toSorted()).toEqual(['good', 'too']);
    expect(await events.first('task-refused')).toMatchObject({ kind: kind.kind, step: 'release' });
    await producer.dataSource.query('DROP TRIGGER refuse ON pgqueue');
    await until(() => ran.length === 3, 10_000);
    expect(events.of('task-accepted')).toMatchObject([{ step: 'release' }]);
    await worker.close();
    cutter.close();
  },
);

it('gives back what its leases hold and it does not run, as after a restore, and nothing that it runs', async () => {
  const long = newKind();
  const fast = newKind({ maxAttempts: 3 });
  const end = deferred();
  const started = deferred();
  const ran: string[] = [];
  const starts = vi.spyOn(Reconciler.prototype, 'start');
  const worker = await openApp({ options: { autoStart: false } });
  worker.queue.registerKind(long, async () => {
    started.resolve();
    await end.promise;
  });
  worker.queue.registerKind(fast, ({ id, attempt }) => void ran.push(`${id}: ${attempt}`));
  const events = recordEvents(worker.queue);
  await worker.queue.start();
  const reconciler = starts.mock.contexts[0] as Reconciler;
  starts.mockRestore();
  await producer.queue.pushTask({ kind: long, payload: 0 });
  await started.promise;
  const [{ id }] = (await producer.queue.pushTasks(
    Array.from({ length: 20 }, (_, payload) => ({ kind: fast, payload })),
  )) as unknown as [{ id: string }];
  const stored = () => producer.stored(`kind = ${fast.kind}`);
  await until(async () => (await stored()).every(({ status }) => status === 'succeeded'));
  expect(await reconciler.runOnce()).toBe(0);

  await producer.dataSource.query(
    `UPDATE pgqueue SET status = 'new', finished_at = NULL, attempts_left = 2, attempts_elapsed = 1, claim_id = 1,
       lease_id = (SELECT lease_id FROM pgqueue WHERE kind = ${long.kind})
     WHERE id = $1`,
    [id],
  );
  // Its cursors go on when claims have seen that nothing can come to lie behind them.
  await until(async () => (await reconciler.runOnce()) === 1, 10_000);
  await until(() => ran.length === 21);
  expect(ran.filter((each) => each.startsWith(`${id}: `))).toEqual([`${id}: 1`, `${id}: 1`]);
  expect(events.of('tasks-released').map(({ kind, count }) => [kind, count])).toEqual([[fast.kind, 1]]);
  expect(await reconciler.runOnce()).toBe(0);
  expect(await producer.stored(`kind = ${long.kind} AND lease_id IS NOT NULL`)).toHaveLength(1);
  end.resolve();
  await worker.close();
});

it('uses up a last attempt when it begins, not when its task is claimed', async () => {
  const LOCK = 4712;
  const definition = newKind({ maxAttempts: 1 });
  const ran: string[] = [];
  const stored = async () => (await producer.stored(`kind = ${definition.kind}`))[0]!;
  await producer.dataSource.query(`CREATE FUNCTION halt() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN PERFORM pg_advisory_xact_lock_shared(${LOCK}); RETURN new; END $$`);
  await producer.dataSource.query(
    `CREATE TRIGGER halt BEFORE UPDATE ON pgqueue FOR EACH ROW WHEN (old.claim_id < 0 AND new.claim_id > 0) EXECUTE FUNCTION halt()`,
  );
  const worker = await openApp({
    options: { autoStart: false, shutdownTimeout: 0 },
  });
  worker.queue.registerKind(definition, ({ id }) => void ran.push(id));
  await producer.dataSource.transaction(async (manager) => {
    await manager.query('SELECT pg_advisory_xact_lock($1)', [LOCK]);
    await worker.queue.start();
    await producer.queue.pushTask({ kind: definition, payload: 0 });
    await until(async () => (await stored()).lease_id !== null);
    expect(await stored()).toMatchObject({ attempts_left: 1, attempts_elapsed: 0 });
    expect(ran).toEqual([]);
  });
  await until(async () => (await stored()).status === 'succeeded');
  expect(await stored()).toMatchObject({ attempts_left: 0, attempts_elapsed: 1 });
  expect(ran).toHaveLength(1);
  await worker.close();
});

/** Stands before the server and cuts, when it is armed, the connection of the next claim that has taken tasks, before its answer. */
async function startCutter() {
  const cutter = { armed: false, cuts: 0, url: '', close: () => void server.close() };
  const target = new URL(database.url);
  const server = net.createServer((client) => {
    const upstream = net.connect(Number(target.port), target.hostname);
    client.on('data', (chunk) => upstream.write(chunk));
    upstream.on('data', (chunk) => {
      // Of all answers only that of a claim begins with the tuple of a task.
      if (cutter.armed && chunk.includes('[[')) {
        cutter.armed = false;
        cutter.cuts++;
        client.destroy();
        return;
      }
      client.write(chunk);
    });
    client.on('close', () => upstream.destroy());
    upstream.on('close', () => client.destroy());
    client.on('error', () => undefined);
    upstream.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  const address = new URL(database.url);
  address.port = String((server.address() as net.AddressInfo).port);
  address.hostname = '127.0.0.1';
  cutter.url = address.href;
  return cutter;
}
