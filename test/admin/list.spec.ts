import pg from 'pg';
import { beforeEach, describe, expect } from 'vitest';
import {
  createPgQueueMigrations,
  InvalidOptionError,
  QueueAdmin,
  type TaskFilter,
  type TaskSummary,
} from '../../lib/index.js';
import { queueSql } from '../../lib/storage/sql/index.js';
import { databasePerFile, lazily, rejectionOf } from '../support/index.js';

const { it, app } = databasePerFile({ app: () => IN_ODD_SCHEMA });
const admin = lazily(() => app.get(QueueAdmin));

beforeEach(() => app.dataSource.query(`TRUNCATE ${TASK}, ${LEASE}`));

describe('QueueAdmin.list', () => {
  it('answers an empty page for an empty table, whatever the filter', async () => {
    for (const filter of [
      {},
      { kind: 1 },
      { status: 'new' },
      { id: '1' },
      { externalKey: 'a' },
      { text: 'a' },
    ] as const) {
      expect(await admin.list(filter)).toEqual({ tasks: [], next: null, examined: 0, ageMs: 0 });
    }
  });

  it('shows a task as it is', async () => {
    const [{ id: lease }] = await app.dataSource.query(
      `INSERT INTO ${LEASE} (worker) VALUES ('host:1') RETURNING id`,
    );
    const id = await store({
      kind: '-3',
      payload: `'{"a": "\\u0000"}'`,
      external_key: `'k'`,
      lease_id: lease,
      priority: '2',
      attempts_left: '4',
      attempts_elapsed: '3',
      messages: `'{first,last}'`,
      run_at: `'2026-01-02T03:04:05.678Z'`,
      created_at: `'2026-01-01T00:00:00Z'`,
    });
    const { tasks } = await admin.list();
    expect(tasks).toEqual([
      {
        id,
        shard: 'default',
        kind: -3,
        name: 'pgqueue--3',
        status: 'processing',
        priority: 2,
        externalKey: 'k',
        attemptsElapsed: 3,
        attemptsLeft: 4,
        createdAt: new Date('2026-01-01T00:00:00Z'),
        runAt: new Date('2026-01-02T03:04:05.678Z'),
        finishedAt: null,
        payloadPreview: '{"a": "\\u0000"}',
        lastError: 'last',
        worker: 'host:1',
      },
    ]);
    expect(await admin.task(id)).toMatchObject({
      ...tasks[0],
      payload: { a: '\0' },
      errors: ['first', 'last'],
      timeline: [
        { event: 'pushed', at: new Date('2026-01-01T00:00:00Z') },
        { event: 'failed', text: 'first' },
        { event: 'failed', text: 'last' },
        { event: 'started', at: null, text: 'attempt 3, by host:1' },
      ],
    });
  });

  it('knows no task of another id', async () => {
    expect(await admin.task('404')).toBeNull();
  });

  it('filters by kind, status, key, id and time, and by all of them together', async () => {
    const fresh = await store({ external_key: `'a'` });
    const leased = await store({ lease_id: '99' });
    const retried = await store({ status: `'must_retry'`, kind: '2', external_key: `'a'` });
    const broken = await store({ status: `'no_attempts_left'`, created_at: `'2020-01-01'` });
    const done = await store({ status: `'succeeded'`, finished_at: 'now()' });
    const cancelled = await store({ status: `'cancelled'`, finished_at: `now() - interval '1 day'` });
    expect(await found({})).toEqual([cancelled, done, broken, retried, leased, fresh]);
    expect(await found({ kind: 2 })).toEqual([retried]);
    expect(await found({ status: 'new' })).toEqual([fresh]);
    expect(await found({ status: 'processing' })).toEqual([leased]);
    expect(await found({ status: ['must_retry', 'new'] })).toEqual([fresh, retried]);
    expect(await found({ status: 'no_attempts_left', kind: 1 })).toEqual([broken]);
    expect(await found({ status: ['succeeded', 'cancelled'] })).toEqual([done, cancelled]);
    expect(await found({ status: ['succeeded', 'new'] })).toEqual([done, fresh]);
    expect(await found({ status: [] })).toEqual([]);
    expect(await found({ externalKey: 'a' })).toEqual([retried, fresh]);
    expect(await found({ externalKey: 'a', kind: 2 })).toEqual([retried]);
    expect(await found({ externalKey: 'a', kind: 3 })).toEqual([]);
    expect(await found({ id: [fresh, done, '404'] })).toEqual([done, fresh]);
    expect(await found({ id: fresh, status: 'succeeded' })).toEqual([]);
    expect(await found({ createdTo: new Date('2020-01-02') })).toEqual([broken]);
    expect(await found({ createdFrom: new Date('2020-01-02'), kind: 1, status: 'new' })).toEqual([fresh]);
    expect(await found({ createdFrom: new Date('2020-01-02'), status: 'no_attempts_left' })).toEqual([]);
  });

  it('finds a text in payloads as it is, whatever is in it', async () => {
    const texts = [`Ünïcode`, `100% _sure_`, `it's; DROP TABLE x; --`, `say "hi" \\ there`, `$1 <script>`];
    const stored: string[] = [];
    for (const text of texts) {
      stored.push(await store({ payload: pg.escapeLiteral(JSON.stringify({ text })) }));
    }
    for (const [index, text] of texts.entries()) {
      expect(await found({ text })).toEqual([stored[index]]);
      expect(await found({ text, kind: 1, status: 'new' })).toEqual([stored[index]]);
    }
    expect(await found({ text: '%' })).toEqual([stored[1]]);
    expect(await found({ text: 'SURE' })).toEqual([stored[1]]);
    expect(await found({ externalKey: `' OR true --` })).toEqual([]);
  });

  it.each<[string, TaskFilter]>([
    ['any', {}],
    ['a kind', { kind: 1 }],
    ['open', { status: ['new', 'must_retry', 'processing'] }],
    ['new', { kind: 1, status: 'new' }],
    ['broken', { status: 'no_attempts_left' }],
    ['finished', { status: ['succeeded', 'cancelled'] }],
    ['a text', { text: 'x', status: 'succeeded', kind: 2 }],
    ['ids', { id: Array.from({ length: 100 }, (_, n) => String(n + 1)) }],
    ['created', { createdFrom: new Date('2020-01-01') }],
  ])('leads through every page once, ties included: %s', async (_, filter) => {
    await app.dataSource.query(`
      INSERT INTO ${TASK} (kind, priority, status, payload, run_at, created_at, finished_at)
      SELECT 1 + n % 2, n % 3, s, '"x"', now() - n % 2 * interval '1 hour', now() - n % 2 * interval '1 hour',
             CASE WHEN s IN ('succeeded', 'cancelled', 'no_attempts_left') THEN now() END
      FROM generate_series(1, 15) n, unnest(enum_range(NULL::${pg.escapeIdentifier(SCHEMA)}.pgqueue_status)) s`);
    const whole = ids((await admin.list(filter, { limit: 500 })).tasks);
    expect(await all(filter, 4)).toEqual(whole);
    expect(new Set(whole).size).toBe(whole.length);
  });

  it('looks at a bounded number of tasks for a page, and goes on behind them', async () => {
    await app.dataSource.query(
      `INSERT INTO ${TASK} (kind, payload) SELECT 1, to_json(n) FROM generate_series(1, 12000) n`,
    );
    const [{ id }] = await app.dataSource.query(`SELECT min(id) AS id FROM ${TASK}`);
    const page = await admin.list({ kind: 1, createdTo: new Date('2020-01-01') });
    expect(page).toMatchObject({ tasks: [], examined: 5000, next: expect.any(String) });
    await app.dataSource.query(`UPDATE ${TASK} SET payload = '"needle"' WHERE id = $1`, [id]);
    expect(await all({ text: 'needle' }, 10)).toEqual([id]);
    expect((await admin.list({ kind: 1, status: ['new', 'must_retry', 'processing'] })).examined).toBe(51);
  });

  it.each<[string, unknown, string, unknown]>([
    ['an unknown filter', { status: 'new', 'drop table': 1 }, 'drop table', 1],
    ['a status', { status: `new' OR true --` }, 'status', `new' OR true --`],
    ['a list of statuses', { status: ['new', 'lost'] }, 'status', 'lost'],
    ['a kind', { kind: 70_000 }, 'kind', 70_000],
    ['an id', { id: '1; DROP' }, 'id', '1; DROP'],
    ['an id beyond bigint', { id: '9999999999999999999' }, 'id', '9999999999999999999'],
    ['a number as id', { id: 5 }, 'id', 5],
    ['a text', { text: '' }, 'text', ''],
    ['a NUL', { text: 'a\0' }, 'text', 'a\0'],
    ['a key', { externalKey: 5 }, 'externalKey', 5],
    ['a date', { createdFrom: 'yesterday' }, 'createdFrom', 'yesterday'],
    ['no filter', null, 'filter', null],
  ])('refuses %s by name and value before anything is asked', async (_, filter, field, value) => {
    const error = await rejectionOf(admin.list(filter as TaskFilter));
    expect(error).toBeInstanceOf(InvalidOptionError);
    expect(error).toMatchObject({ field, value });
  });

  it('refuses a bad date, a page that is too large, and what no page has given', async () => {
    await expect(admin.list({ createdTo: new Date(Number.NaN) })).rejects.toThrow(
      'createdTo: must be a Date',
    );
    await expect(admin.list({}, { limit: 501 })).rejects.toThrow(
      'limit: must be an integer from 1 to 500, got 501',
    );
    await expect(admin.list({}, { offset: 1 } as never)).rejects.toThrow(
      'offset: is not an option of a page',
    );
    await expect(admin.task('x')).rejects.toThrow('id: must be');
    await store();
    await store();
    const { next } = await admin.list({}, { limit: 1 });
    for (const after of ['', 'x', 'W10', Buffer.from('["any",0,"1;"]').toString('base64url'), 5]) {
      await expect(admin.list({}, { after: after as string })).rejects.toBeInstanceOf(InvalidOptionError);
    }
    await expect(admin.list({ status: 'new' }, { after: next! })).rejects.toThrow('of the same filter');
  });
});

describe('the statements of a list', () => {
  it('walk an index in a table of 200,000 tasks, and sort no more than a page', async () => {
    await app.dataSource.query(
      `INSERT INTO ${TASK} (kind, payload, status, finished_at)
       SELECT n % 4, '{}', s::${pg.escapeIdentifier(SCHEMA)}.pgqueue_status, now() FROM generate_series(1, 50000) n, unnest(ARRAY['new', 'no_attempts_left', 'succeeded', 'cancelled']) s`,
    );
    const { beginRead, list } = queueSql(SCHEMA);
    const statuses = { open: ['new'], exhausted: ['no_attempts_left'], finished: ['succeeded', 'cancelled'] };
    for (const [shape, index] of [
      ['open', 'pgqueue_claim'],
      ['exhausted', 'pgqueue_broken'],
      ['finished', 'pgqueue_done'],
    ] as const) {
      const plan = await app.dataSource.transaction(async (manager) => {
        await manager.query(beginRead, [5000]);
        const rows = await manager.query(`EXPLAIN (ANALYZE, TIMING off) ${list[shape]}`, [
          51,
          51,
          [1],
          statuses[shape],
          null,
          null,
          null,
          null,
          null,
          null,
          null,
        ]);
        return (rows as Record<string, string>[]).map((row) => row['QUERY PLAN']).join('\n');
      });
      expect(plan).toMatch(new RegExp(`Index (Only )?Scan using ${index} on pgqueue q`));
      expect(plan).not.toMatch(/Seq Scan on pgqueue |Rows Removed by Filter: \d{4}/);
    }
  });
});

/** A task as columns and SQL values; ids are given by the database. */
const store = async (columns: Record<string, string> = {}): Promise<string> => {
  const all = { kind: '1', payload: `'{}'`, ...columns };
  const [{ id }] = await app.dataSource.query(
    `INSERT INTO ${TASK} (${Object.keys(all).join(', ')}) VALUES (${Object.values(all).join(', ')}) RETURNING id`,
  );
  return id;
};

const ids = (tasks: readonly TaskSummary[]) => tasks.map(({ id }) => id);
const found = async (filter: TaskFilter) => ids((await admin.list(filter)).tasks);

/** Every task that a filter means, page by page. */
async function all(filter: TaskFilter, limit: number): Promise<string[]> {
  const result: string[] = [];
  let after: string | undefined;
  do {
    const page = await admin.list(filter, { limit, ...(after === undefined ? {} : { after }) });
    expect(page.tasks.length).toBeLessThanOrEqual(limit);
    result.push(...ids(page.tasks));
    after = page.next ?? undefined;
  } while (after !== undefined);
  return result;
}

const SCHEMA = 'odd "name"; --';
const TASK = `${pg.escapeIdentifier(SCHEMA)}.pgqueue`;
const LEASE = `${pg.escapeIdentifier(SCHEMA)}.pgqueue_lease`;

const IN_ODD_SCHEMA = {
  options: { autoStart: false, schema: SCHEMA },
  typeorm: { migrations: [...createPgQueueMigrations({ schema: SCHEMA })] },
};
