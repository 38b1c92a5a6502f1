import { beforeEach, expect } from 'vitest';
import { databasePerFile, until } from '../support/index.js';

const { it, app, openApp } = databasePerFile(
  {},
  { app: { options: { heartbeatPeriod: 100, leaseTimeout: 1000, autoStart: false } } },
);

beforeEach(() =>
  app.dataSource.query('DELETE FROM pgqueue; DELETE FROM pgqueue_lease; DELETE FROM pgqueue_registry'),
);

it('runs the tasks of a dead worker process, the attempt used', async () => {
  await leased(await leaseOf('old-pod', 60));
  register();
  await app.queue.start();
  await until(() => attempts.length === 1);
  expect(attempts).toEqual([2]);
  await until(async () => (await app.stored())[0]?.status === 'succeeded');
  expect((await app.stored())[0]!.messages).toEqual(['worker process lost: old-pod']);
});

it('H2: breaks a task whose last attempt died, and says why', async () => {
  await leased(await leaseOf('old-pod', 60), 0);
  register();
  await app.queue.start();
  await until(async () => (await app.stored())[0]?.status === 'no_attempts_left');
  expect(await app.stored()).toMatchObject([
    { lease_id: null, attempts_left: 0, messages: ['worker process lost: old-pod'] },
  ]);
});

it('gives back tasks whose lease does not exist, and leaves those of a living process alone', async () => {
  const living = await leaseOf('living', -3600);
  await leased(living);
  await leased(999_999);
  register();
  await app.queue.start();
  await until(() => attempts.length === 1);
  const tasks = await app.stored();
  expect(tasks.find(({ lease_id }) => lease_id === living)).toMatchObject({
    status: 'new',
    attempts_left: 3,
  });
  expect(tasks.find(({ lease_id }) => lease_id !== living)!.messages).toEqual([
    'worker process lost: unknown',
  ]);
});

it('rescues at once what it can, and the rest when the transaction ends that holds its row', async () => {
  const dead = await leaseOf('old-pod', 60);
  await leased(dead);
  await leased(dead);
  const [first] = await app.dataSource.query('SELECT id FROM pgqueue ORDER BY id LIMIT 1');
  register();
  await app.dataSource.transaction(async (manager) => {
    await manager.query('SELECT FROM pgqueue WHERE id = $1 FOR UPDATE', [first.id]);
    await app.queue.start();
    await until(() => attempts.length === 1);
    await until(async () => (await endedLeases()).includes('old-pod'));
    expect(await app.stored()).toContainEqual(expect.objectContaining({ id: first.id, lease_id: dead }));
  });
  await until(() => attempts.length === 2);
  expect(attempts).toEqual([2, 2]);
  await until(async () => !(await leases()).includes('old-pod'));
});

it('leaves to others, as it stops, what it had to leave', async () => {
  const dead = await leaseOf('old-pod', 60);
  await leased(dead);
  const other = await openApp({
    options: { heartbeatPeriod: 100, leaseTimeout: 1000, autoStart: false },
  });
  register();
  await app.dataSource.transaction(async (manager) => {
    await manager.query('SELECT FROM pgqueue FOR UPDATE');
    await other.queue.start();
    other.queue.registerKind(2, () => undefined, { attemptTimeout: '10s', backoff: () => 0 });
    await until(async () => (await endedLeases()).includes('old-pod'));
    await other.close();
  });
  await app.queue.start();
  await until(() => attempts.length === 1);
  expect(await leases()).not.toContain('old-pod');
});

it('gives back what was left by a rescue whose process is dead itself, or never heard that it was done', async () => {
  const dead = await leaseOf('old-pod', 60);
  await app.dataSource.query("UPDATE pgqueue_lease SET ended_at = clock_timestamp() - interval '31 seconds'");
  await leased(dead);
  register();
  await app.queue.start();
  await until(() => attempts.length === 1, 5000);
  expect(attempts).toEqual([2]);
  await until(async () => !(await leases()).includes('old-pod'));
});

it('leaves an ended lease alone while whoever ended it may see to what is left', async () => {
  await leased(await leaseOf('old-pod', 60));
  await app.dataSource.query('UPDATE pgqueue_lease SET ended_at = clock_timestamp()');
  const events = app.recordEvents();
  register();
  await app.queue.start();
  await until(() => events.of('claimed').length > 10);
  expect(attempts).toEqual([]);
  expect(events.of('tasks-rescued')).toEqual([]);
});

it('ends a lease for its own process too: nothing is claimed under it, and no heartbeat revives it', async () => {
  const events = app.recordEvents();
  register();
  await app.queue.start();
  const { leaseId } = await events.first('lease-acquired');
  await app.dataSource.query('UPDATE pgqueue_lease SET ended_at = clock_timestamp()');
  await app.queue.pushTask({ kind: 1, payload: 0 });
  await until(() => attempts.length === 1);
  expect(events.of('lease-acquired').map((event) => event.leaseId)).toEqual([leaseId, expect.any(Number)]);
  expect(await endedLeases()).toHaveLength(1);
});

/** A task as a worker process leaves it that claimed it and is gone. */
async function leased(leaseId: number, attemptsLeft = 3): Promise<void> {
  await app.dataSource.query(
    `INSERT INTO pgqueue (kind, lease_id, attempts_left, attempts_elapsed, payload) VALUES (1, $1, $2, 1, '0')`,
    [leaseId, attemptsLeft],
  );
}

async function leaseOf(worker: string, secondsAgo: number): Promise<number> {
  const [{ id }] = await app.dataSource.query(
    `INSERT INTO pgqueue_lease (worker, heartbeat_at) VALUES ($1, clock_timestamp() - $2 * interval '1 second') RETURNING id`,
    [worker, secondsAgo],
  );
  return id;
}

const attempts: number[] = [];
function register(): void {
  attempts.length = 0;
  app.queue.registerKind(1, ({ attempt }) => void attempts.push(attempt), {
    attemptTimeout: '10s',
    backoff: () => 0,
    loop: { fetcherPeriod: 200 },
  });
}

async function endedLeases(): Promise<string[]> {
  const rows = await app.dataSource.query('SELECT worker FROM pgqueue_lease WHERE ended_at IS NOT NULL');
  return rows.map(({ worker }: { worker: string }) => worker);
}

async function leases(): Promise<string[]> {
  const rows = await app.dataSource.query('SELECT worker FROM pgqueue_lease');
  return rows.map(({ worker }: { worker: string }) => worker);
}
