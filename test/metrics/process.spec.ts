import { Registry } from 'prom-client';
import { beforeEach, describe, expect } from 'vitest';
import { noJitter, type PgQueueModuleOptions } from '../../lib/index.js';
import { PgQueueMetricsModule } from '../../lib/metrics/index.js';
import { cutOff } from '../support/cut-off.js';
import { databasePerTest, deferred, newKind, type OpenApp, recordEvents, until } from '../support/index.js';
import { cannotRunOver, LISTENS, NEEDS_LISTEN } from '../support/over.js';
import { untilListening } from '../support/queue-events.js';

const { it, database, openApp } = databasePerTest({});

beforeEach(() => {
  registry = new Registry();
});

describe('what a process knows by itself', () => {
  it('has every series at 0 before anything has happened', async () => {
    const { queue } = await start({ autoStart: false });
    queue.registerKind(newKind({ name: 'work' }), () => undefined);
    expect(await slots('work')).toEqual({ busy: 0, free: 0 });
    const names = [
      'pgqueue_abandoned_handlers{kind="work"}',
      'pgqueue_refused_tasks{kind="work"}',
      'pgqueue_task_refusals_total{kind="work"}',
      'pgqueue_queue_wait_seconds_count{kind="work"}',
      'pgqueue_fetch_duration_seconds_count{shard="default"}',
      'pgqueue_settle_duration_seconds_count{shard="default"}',
      'pgqueue_leases_lost_total{shard="default"}',
      'pgqueue_wake_ups_total{shard="default"}',
      ...[...ROLES, 'schema'].map((role) => `pgqueue_reconnects_total{shard="default",role="${role}"}`),
      ...[...ROLES, 'maintenance', 'schema'].map(
        (role) => `pgqueue_connection_failures_total{shard="default",role="${role}"}`,
      ),
    ];
    for (const name of names) {
      expect([name, await series(name)]).toEqual([name, 0]);
    }
  });

  it('counts how long tasks had been due when they were claimed', async () => {
    const { queue, dataSource } = await start({ autoStart: false });
    const work = newKind({ name: 'work' });
    queue.registerKind(work, () => undefined);
    await queue.pushTasks([1, 2].map((payload) => ({ kind: work, payload })));
    await dataSource.query(
      `UPDATE pgqueue SET run_at = clock_timestamp() - interval '2 hours' WHERE payload::text = '1'`,
    );
    await queue.start();
    await until(async () => (await series('pgqueue_queue_wait_seconds_count{kind="work"}')) === 2);
    const sum = await series('pgqueue_queue_wait_seconds_sum{kind="work"}');
    expect(sum).toBeGreaterThanOrEqual(7200);
    expect(sum).toBeLessThan(7260);
    expect(await series('pgqueue_queue_wait_seconds_bucket{le="3600",kind="work"}')).toBe(1);
    expect(await series('pgqueue_fetch_duration_seconds_count{shard="default"}')).toBeGreaterThan(0);
    await until(
      async () => ((await series('pgqueue_settle_duration_seconds_count{shard="default"}')) ?? 0) > 0,
    );
  });

  it('shows busy and free slots as they are, of all applications that share the registry', async () => {
    const work = newKind({ name: 'work', workerCount: 3 });
    const end = deferred();
    const started: string[] = [];
    const [one, two] = [await start(), await start()];
    for (const { queue } of [one, two]) {
      queue.registerKind(work, async ({ id }) => {
        started.push(id);
        await end.promise;
      });
    }
    expect(await slots('work')).toEqual({ busy: 0, free: 6 });
    await one.queue.pushTasks(Array.from({ length: 4 }, (_, payload) => ({ kind: work, payload })));
    await until(() => started.length === 4);
    expect(await slots('work')).toEqual({ busy: 4, free: 2 });
    end.resolve();
    await until(async () => (await slots('work')).busy === 0);
    await two.queue.stop();
    expect(await slots('work')).toEqual({ busy: 0, free: 3 });
    await one.close();
    expect(await slots('work')).toEqual({ busy: 0, free: 0 });
  });

  it('counts bodies that outlive their attempts, as long as they do', async () => {
    const { queue } = await start();
    const body = deferred();
    const work = newKind({ name: 'work', attemptTimeout: 50, backoff: noJitter('1h'), workerCount: 2 });
    queue.registerKind(work, () => body.promise);
    const abandoned = () => series('pgqueue_abandoned_handlers{kind="work"}');
    expect(await abandoned()).toBe(0);
    await queue.pushTasks([1, 2].map((payload) => ({ kind: work, payload })));
    await until(async () => (await abandoned()) === 2);
    body.resolve();
    await until(async () => (await abandoned()) === 0);
  });

  it.skipIf(cannotRunOver(NEEDS_LISTEN))('counts wake-ups, and leases that were lost', async () => {
    const { queue, dataSource } = await start({ autoStart: false, heartbeatPeriod: '50ms' });
    const work = newKind();
    const events = recordEvents(queue);
    queue.registerKind(work, () => undefined);
    await queue.start();
    await events.first('listening');
    await events.first('lease-acquired');
    await queue.pushTask({ kind: work, payload: null });
    await until(async () => ((await series('pgqueue_wake_ups_total{shard="default"}')) ?? 0) >= 1);
    expect(await series('pgqueue_leases_lost_total{shard="default"}')).toBe(0);
    await dataSource.query('DELETE FROM pgqueue_lease');
    await until(async () => (await series('pgqueue_leases_lost_total{shard="default"}')) === 1);
  });

  it('counts failures of connections, and that they work again', async () => {
    // A pooler keeps statements waiting while the server is away.
    const { queue } = await start({ autoStart: false, statementTimeout: '2s' });
    const work = newKind({ workerCount: 2 });
    const events = recordEvents(queue);
    queue.registerKind(work, () => undefined);
    await queue.start();
    await untilListening(events);
    // Nothing claims before there is a lease.
    await events.first('claimed');
    const roles = ['claim', 'heartbeat', ...(LISTENS ? ['listen'] : [])];
    const restore = await cutOff(database);
    for (const role of roles) {
      const failures = `pgqueue_connection_failures_total{shard="default",role="${role}"}`;
      await until(async () => ((await series(failures)) ?? 0) >= 1);
      expect(await series(`pgqueue_reconnects_total{shard="default",role="${role}"}`)).toBe(0);
    }
    await restore();
    for (const role of roles) {
      await until(
        async () => ((await series(`pgqueue_reconnects_total{shard="default",role="${role}"}`)) ?? 0) >= 1,
      );
    }
    expect(await series('pgqueue_reconnects_total{shard="default",role="settle"}')).toBe(0);
  });
});

function start(options: PgQueueModuleOptions = {}): Promise<OpenApp> {
  return openApp({
    imports: [PgQueueMetricsModule.register({ registry })],
    options: { shutdownTimeout: 50, ...options },
  });
}

/** A series as a scrape shows it, such as `pgqueue_slots{kind="work",state="busy"}`; undefined: there is none. */
async function series(name: string): Promise<number | undefined> {
  const line = (await registry.metrics()).split('\n').find((text) => text.startsWith(`${name} `));
  return line === undefined ? undefined : Number(line.slice(name.length + 1));
}

const slots = async (kind: string) => ({
  busy: await series(`pgqueue_slots{kind="${kind}",state="busy"}`),
  free: await series(`pgqueue_slots{kind="${kind}",state="free"}`),
});

const ROLES = ['claim', 'settle', 'heartbeat', 'listen'];

let registry: Registry;
