import { beforeEach, describe, expect } from 'vitest';
import { InvalidOptionError, type PgQueueModuleOptions, QueueAdmin } from '../../lib/index.js';
import { databasePerFile, deferred, IDLE, lazily, newKind, rejectionOf, until } from '../support/index.js';
import { cannotRunOver, NEEDS_LISTEN } from '../support/over.js';
import { untilListening } from '../support/queue-events.js';

const deaf = cannotRunOver(NEEDS_LISTEN);

const { it, app, openApp } = databasePerFile({ app: IDLE });
const admin = lazily(() => app.get(QueueAdmin));

beforeEach(() => app.dataSource.query('TRUNCATE pgqueue, pgqueue_pause'));

describe('QueueAdmin.pause', () => {
  it('says whether it changed anything, and is shown with its kind', async () => {
    expect(await admin.pause(definition)).toBe(true);
    expect(await admin.pause(definition.kind)).toBe(false);
    expect(await admin.kinds()).toEqual([
      {
        kind: definition.kind,
        name: expect.any(String),
        pausedAt: expect.any(Date),
        unpausedIn: [],
        processes: 0,
        slots: { capacity: 0, busy: 0, fullSince: null },
        settings: null,
      },
    ]);
    expect(await admin.resume(definition)).toBe(true);
    expect(await admin.resume(definition)).toBe(false);
    expect(await admin.kinds()).toEqual([]);
  });

  it('refuses what is no kind', async () => {
    for (const action of ['pause', 'resume'] as const) {
      expect(await rejectionOf(admin[action](40_000))).toBeInstanceOf(InvalidOptionError);
    }
  });

  const WAYS: [string, PgQueueModuleOptions][] = [
    ['do not listen, by their heartbeat', { listen: false, heartbeatPeriod: 100 }],
  ];
  if (!deaf) {
    WAYS.push(['listen, at once', { heartbeatPeriod: '10s', leaseTimeout: '1m' }]);
  }

  it.each(WAYS)('stops a kind in all processes that %s, and resumes it', async (_, options) => {
    const both = [await startWorker(options), await startWorker(options)];
    if (!('listen' in options)) {
      await Promise.all(both.map(({ events }) => events.first('listening')));
    }
    await admin.pause(definition);
    await Promise.all(both.map(({ events }) => events.first('kind-paused')));
    await push();
    const later = newKind();
    const other = deferred();
    both[0]!.queue.registerKind(later, () => other.resolve());
    await push(1, later);
    await other.promise;
    // Each looks at everything after it was told, and keeps nothing.
    const looks = both.map(({ events }) => events.of('claimed').length);
    await until(() =>
      both.every(({ events }, index) => index > 0 || events.of('claimed').length > looks[index]!),
    );
    await until(async () => (await open())[0]!.lease_id === null);
    expect(both.flatMap(({ ran }) => ran)).toEqual([]);
    expect(await open()).toMatchObject([{ attempts_elapsed: 0 }]);
    await admin.resume(definition);
    await until(async () => (await open()).length === 0);
    expect(both.flatMap(({ ran }) => ran)).toEqual([1]);
    await Promise.all(both.map(({ events }) => events.first('kind-resumed')));
  });

  it('lets what runs go on', async () => {
    const end = deferred();
    const { ran, events } = await startWorker({}, () => end.promise);
    await untilListening(events);
    await push('running');
    await until(() => ran.length === 1);
    await admin.pause(definition);
    await events.first('kind-paused');
    await push('waiting');
    end.resolve();
    await events.first('attempt-settled', ({ as }) => as === 'succeeded');
    expect(await open()).toMatchObject([{ payload: 'waiting', lease_id: null }]);
    expect(ran).toEqual(['running']);
  });

  it('is heeded by a process that starts before its first claim, and for a kind that is registered later', async () => {
    await admin.pause(definition);
    await push();
    const worker = await openApp();
    const events = worker.recordEvents();
    const other = newKind();
    worker.queue.registerKind(other, () => undefined);
    await events.first('claimed');
    worker.queue.registerKind(definition, () => undefined);
    await push(1, other);
    await events.first('attempt-settled', ({ kind }) => kind === other.kind);
    const fresh = await startWorker();
    expect(fresh.ran).toEqual([]);
    expect(events.of('tasks-claimed').map(({ kind }) => kind)).toEqual([other.kind]);
    expect(await open()).toMatchObject([{ lease_id: null, attempts_elapsed: 0 }]);
  });

  it.skipIf(deaf)('is one of several messages: workers ignore those that they do not know', async () => {
    const { ran, events } = await startWorker();
    await events.first('listening');
    const [{ channel }] = await app.dataSource.query(
      `SELECT substring(pg_get_functiondef('pgqueue_ring'::regproc) FROM 'pgqueue_[0-9a-f]{16}') AS channel`,
    );
    for (const payload of ['unknown', 'lost', 'lost:x:y', 'pauses:1', ':::', '{"a":1}']) {
      await app.dataSource.query('SELECT pg_notify($1, $2)', [channel, payload]);
    }
    await push();
    await until(() => ran.length === 1);
    expect(events.of('connection-failed')).toEqual([]);
  });
});

const definition = newKind();

async function startWorker(options: PgQueueModuleOptions = {}, work: () => unknown = () => undefined) {
  const ran: unknown[] = [];
  const worker = await openApp({ options: { ...options, autoStart: false } });
  const events = worker.recordEvents();
  worker.queue.registerKind(definition, async (task) => {
    ran.push(task.payload);
    await work();
  });
  await worker.queue.start();
  await events.first('lease-acquired');
  return { ...worker, ran, events };
}

const push = (payload: unknown = 1, kind = definition) => app.queue.pushTask({ kind, payload });
const open = () => app.stored(`kind = ${definition.kind} AND status IN ('new', 'must_retry')`);
