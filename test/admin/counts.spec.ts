import { beforeEach, describe, expect } from 'vitest';
import { QueueAdmin } from '../../lib/index.js';
import { databasePerFile, IDLE, lazily, newKind } from '../support/index.js';

const { it, app } = databasePerFile({ app: IDLE });
const admin = lazily(() => app.get(QueueAdmin));

beforeEach(() => app.dataSource.query('TRUNCATE pgqueue'));

describe('QueueAdmin.counts', () => {
  it('counts nothing in an empty table', async () => {
    expect(await admin.counts()).toEqual([]);
  });

  it('counts a small table exactly, and tells since when the oldest has been due', async () => {
    const definition = newKind();
    app.queue.registerKind(definition, () => undefined);
    await app.dataSource.query(
      `INSERT INTO pgqueue (kind, status, lease_id, payload, finished_at, run_at)
       SELECT $1, s::pgqueue_status, lease, '{}', CASE WHEN s IN ('succeeded', 'cancelled') THEN now() END, at::timestamptz
       FROM (VALUES ('new', NULL::int, '2026-01-02'), ('new', NULL, '2026-01-03'), ('new', 7, '2026-01-01'), ('must_retry', NULL, '2999-01-01'),
         ('no_attempts_left', NULL, '2026-01-01'), ('succeeded', NULL, '2026-01-01'), ('cancelled', NULL, '2026-01-01')) v(s, lease, at),
         generate_series(1, 3)`,
      [definition.kind],
    );
    await app.dataSource.query(
      `INSERT INTO pgqueue (kind, status, payload) VALUES (-1, 'no_attempts_left', '{}')`,
    );
    expect(await admin.counts()).toEqual([
      {
        kind: -1,
        name: 'pgqueue--1',
        statuses: { ...NONE, no_attempts_left: exact(1) },
        oldestDueAt: null,
      },
      {
        kind: definition.kind,
        name: definition.name,
        statuses: {
          new: exact(6),
          must_retry: exact(3),
          processing: exact(3),
          no_attempts_left: exact(3),
          succeeded: exact(3),
          cancelled: exact(3),
        },
        oldestDueAt: new Date((await app.dataSource.query(`SELECT '2026-01-02'::timestamptz AS at`))[0].at),
      },
    ]);
  });

  it('estimates what is too much to count in a large table, says so, and keeps small numbers exact', async () => {
    await app.dataSource.query(
      `INSERT INTO pgqueue (kind, status, payload)
       SELECT kind, s::pgqueue_status, '{}'
       FROM (VALUES (1, 'succeeded', 100000), (2, 'no_attempts_left', 7), (1, 'new', 40),
         (2, 'succeeded', 30), (2, 'cancelled', 9)) v(kind, s, n), generate_series(1, n)`,
    );
    const [first, second] = await admin.counts();
    expect(first).toMatchObject({ kind: 1, statuses: { new: exact(40), succeeded: { approximate: true } } });
    expect(first!.statuses.succeeded.count).toBeGreaterThan(50_000);
    expect(first!.statuses.succeeded.count).toBeLessThan(200_000);
    const few = { no_attempts_left: exact(7), new: exact(0), succeeded: exact(30), cancelled: exact(9) };
    expect(second).toMatchObject({ kind: 2, statuses: few });
  });
});

const exact = (count: number) => ({ count, approximate: false });

const NONE = {
  new: exact(0),
  must_retry: exact(0),
  processing: exact(0),
  no_attempts_left: exact(0),
  succeeded: exact(0),
  cancelled: exact(0),
};
