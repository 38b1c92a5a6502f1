import { afterEach, describe, expect } from 'vitest';
import { defineTask, noJitter, QueueAdmin } from '../../lib/index.js';
import { databasePerFile, IDLE, type OpenApp, until } from '../support/index.js';

const { it, owner, openApp } = databasePerFile({ owner: IDLE });

afterEach(() =>
  owner.dataSource.query('DELETE FROM pgqueue; DELETE FROM pgqueue_registry').catch(() => undefined),
);

describe('rows written by hand', () => {
  it.each<[string, Record<string, string>]>([
    ['pgqueue_time_valid', { created_at: `'infinity'` }],
    ['pgqueue_time_valid', { status: `'succeeded'`, finished_at: `'-infinity'` }],
    ['pgqueue_attempts_valid', { attempts_elapsed: '-32768' }],
  ])('are refused by %s: %j', async (constraint, columns) => {
    await open();
    await expect(insert(columns)).rejects.toThrow(constraint);
  });

  it.each([
    'pgqueue_pause (kind, paused_at)',
    'pgqueue_activity (kind, minute, succeeded, failed, exhausted, wait, run)',
  ])('are refused where they would hurt: %s', async (into) => {
    await open();
    const values = into.includes('minute') ? `1, 'infinity', 0, 0, 0, '{}', '{}'` : `1, 'infinity'`;
    await expect(app.dataSource.query(`INSERT INTO ${into} VALUES (${values})`)).rejects.toThrow('_valid');
  });

  it.each<[string, Record<string, string>]>([
    ['1700', { run_at: `'1700-01-01 00:00Z'` }],
    ['the epoch', { run_at: `'epoch'` }],
    ['an hour ago', { run_at: `now() - interval '1 hour'` }],
    ['-infinity', { run_at: `'-infinity'` }],
    ['4713 BC', { run_at: `'4713-01-01 BC'` }],
    ['no attempts left', { attempts_left: '0' }],
    ['less than no attempts left', { attempts_left: '-32768' }],
    ['must_retry, no attempts left', { status: `'must_retry'`, attempts_left: '0', attempts_elapsed: '3' }],
    ['all attempts elapsed', { attempts_elapsed: '32767' }],
    ['all attempts', { attempts_left: '32767', attempts_elapsed: '32767' }],
    ['id 0', { id: '0' }],
    ['a negative id', { id: '-7' }],
    ['the largest id', { id: '9007199254740991' }],
    ['finished and open', { finished_at: 'now()' }],
    ['null messages', { messages: `'{NULL}'` }],
    ['a trace that is none', { trace: `repeat('x', 5000)` }],
    ['an empty key', { external_key: `''` }],
    ['a deep payload', { payload: `(repeat('[', 1000) || repeat(']', 1000))::json` }],
    ['a large payload', { payload: `to_json(repeat('x', 3000000))` }],
    ['a null payload', { payload: `'null'` }],
  ])('within the constraints run, and so do their neighbours: %s', async (_, columns) => {
    await open();
    const [{ id }] = await insert(columns);
    await runNeighbours();
    await until(() => odd.length === 1);
    expect(odd).toEqual([id]);
    await until(
      async () => (await app.dataSource.query(`SELECT FROM pgqueue WHERE lease_id IS NOT NULL`)).length === 0,
    );
    await useReaders();
  });

  it.each(['infinity', '294276-01-01', '9999-01-01'])('are parked by a run_at of %s', async (runAt) => {
    await open();
    const [{ id }] = await insert({ run_at: `'${runAt}'` });
    await runNeighbours();
    await useReaders();
    expect(odd).toEqual([]);
    // Later than where the cursors are.
    await app.dataSource.query(`UPDATE pgqueue SET run_at = now() + interval '1 second' WHERE id = $1`, [id]);
    await until(() => odd.length === 1);
    expect(odd).toEqual([id]);
  });

  it.each(['-32768', '-1', '10', '32767'])('of priority %s run at the nearest one', async (priority) => {
    await open();
    const [{ id }] = await insert({ priority });
    await runNeighbours();
    await useReaders();
    await until(() => odd.length === 1, 30_000);
    expect(odd).toEqual([id]);
  });

  describe('before there were constraints', () => {
    it.beforeAll(async () => {
      await owner.dataSource.query(`
        ALTER DOMAIN pgqueue_time DROP CONSTRAINT pgqueue_time_valid;
        ALTER DOMAIN pgqueue_attempts DROP CONSTRAINT pgqueue_attempts_valid;
        ALTER TABLE pgqueue_pause DROP CONSTRAINT pgqueue_pause_valid;
        ALTER TABLE pgqueue_lease DROP CONSTRAINT pgqueue_lease_valid;
        ALTER TABLE pgqueue_activity DROP CONSTRAINT pgqueue_activity_valid`);
    });

    it.each<[string, Record<string, string>]>([
      ['created at infinity', { created_at: `'infinity'` }],
      ['created at -infinity, broken', { created_at: `'-infinity'`, status: `'no_attempts_left'` }],
      ['finished at infinity', { status: `'succeeded'`, finished_at: `'infinity'` }],
      ['finished at -infinity', { status: `'cancelled'`, finished_at: `'-infinity'` }],
      ['finished never', { status: `'succeeded'` }],
      ['fewest attempts elapsed', { attempts_elapsed: '-32768' }],
    ])('leave all others alone, and can be looked at: %s', async (_, columns) => {
      await open();
      await insert(columns);
      await insert(columns);
      await runNeighbours();
      await useReaders();
      expect(good).toEqual([1, 2, 3, 4]);
    });

    it('can be of pauses, leases and activity too', async () => {
      await open();
      await app.dataSource.query(`
        INSERT INTO pgqueue_pause (kind, paused_at) VALUES (9, 'infinity');
        INSERT INTO pgqueue_lease (worker, started_at, heartbeat_at) VALUES ('w', '-infinity', 'infinity');
        INSERT INTO pgqueue_activity VALUES ('infinity', 1, 1, 1, 1, '{}', '{}'), ('-infinity', 1, 1, 1, 1, '{}', '{}')`);
      await runNeighbours();
      await useReaders();
      expect(good).toEqual([1, 2, 3, 4]);
      await app.dataSource.query('DELETE FROM pgqueue_pause; DELETE FROM pgqueue_activity');
    });
  });
});

const OPTIONS = { attemptTimeout: '5s', backoff: noJitter(20), loop: { fetcherPeriod: 100 } } as const;
const Good = defineTask<number>({ kind: 1, name: 'good' });
const Odd = defineTask({ kind: 2, name: 'odd' });

const insert = (columns: Record<string, string>) => {
  const row = { kind: '2', payload: `'{}'`, ...columns };
  return app.dataSource.query(
    `INSERT INTO pgqueue (${Object.keys(row).join(', ')}) VALUES (${Object.values(row).join(', ')}) RETURNING id::text`,
  );
};

let app: OpenApp;
let good: unknown[];
let odd: string[];

/** Processing begins when the rows are there, so that they are not behind a cursor. */
async function open(): Promise<void> {
  good = [];
  odd = [];
  app = await openApp({ options: { autoStart: false } });
  app.queue.registerKind(Good, ({ payload }) => good.push(payload), OPTIONS);
  app.queue.registerKind(Odd, ({ id }) => odd.push(id), OPTIONS);
}

async function runNeighbours(): Promise<void> {
  await app.queue.pushTasks([1, 2, 3].map((payload) => ({ kind: Good, payload })));
  await app.queue.start();
  await until(() => good.length >= 3);
  await app.queue.pushTask({ kind: Good, payload: 4 });
  await until(() => good.length >= 4);
}

async function useReaders(): Promise<void> {
  const admin = app.get(QueueAdmin);
  await Promise.all([admin.counts(), admin.kinds(), admin.workers(), admin.activity()]);
  const rows: { id: string }[] = await app.dataSource.query('SELECT id::text FROM pgqueue');
  for (const { id } of rows.filter(({ id: each }) => !each.startsWith('-'))) {
    await admin.task(id);
    await admin.explain(id);
  }
  for (const filter of [{}, { kind: 2 }, { status: 'new' as const }, { status: 'succeeded' as const }]) {
    const seen = new Set<string>();
    let cursor: string | undefined;
    do {
      const page = await admin.list(filter, { limit: 1, ...(cursor ? { after: cursor } : {}) });
      for (const { id } of page.tasks) {
        expect(seen).not.toContain(id);
        seen.add(id);
      }
      cursor = page.next ?? undefined;
    } while (cursor);
  }
}
