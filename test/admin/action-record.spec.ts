import { beforeEach, describe, expect } from 'vitest';
import { QueueAdmin, type TaskFilter, type TaskStatus } from '../../lib/index.js';
import { databasePerFile, IDLE, lazily, newKind, rejectionOf } from '../support/index.js';

const { it, app } = databasePerFile({ app: IDLE });
const admin = lazily(() => app.get(QueueAdmin));

beforeEach(() => app.dataSource.query('TRUNCATE pgqueue'));

describe('who acts', () => {
  const recorded = async (work: () => Promise<unknown>) => {
    const events: object[] = [];
    const leave = app.queue.subscribe((event) => void (event.type === 'action-taken' && events.push(event)));
    await work();
    leave();
    return events;
  };

  it('is in an event of each action, with what it was for and what came of it', async () => {
    await storeEach(2);
    const { kind } = definition;
    const createdFrom = new Date('2026-01-01');
    const events = await recorded(async () => {
      await admin.cancel({ kind, createdFrom }, { by: 'jane', limit: 3 });
      await admin.pause(definition, { by: 'jane' });
      await admin.resume(definition);
    });
    const [cancelled] = events;
    expect(cancelled).toMatchObject({
      action: 'cancel',
      by: 'jane',
      via: 'admin',
      filter: { kind: [kind], createdFrom: createdFrom.toISOString() },
      limit: 3,
      count: 3,
      more: true,
      kinds: [{ kind, count: 3 }],
    });
    expect(JSON.parse(JSON.stringify(events))).toEqual(events);
    expect(events.slice(1)).toMatchObject([
      { action: 'pause', by: 'jane', filter: { kind: [kind] }, count: 1, limit: null },
      { action: 'resume', by: null, filter: { kind: [kind] }, count: 1, limit: null },
    ]);
  });

  it('must have a name, before anything is changed', async () => {
    await storeEach();
    const before = await statuses();
    const events = await recorded(async () => {
      for (const by of ['', ' ', 7, 'x'.repeat(201), 'a\0']) {
        for (const action of [
          () => admin.cancel({ kind: definition }, { by: by as string }),
          () => admin.pause(definition, { by: by as string }),
        ]) {
          expect(await rejectionOf(action())).toMatchObject({ field: 'by', code: 'PGQUEUE_INVALID_OPTION' });
        }
      }
    });
    expect(events).toEqual([]);
    expect(await statuses()).toEqual(before);
  });
});

const STATUSES: TaskStatus[] = [
  'new',
  'must_retry',
  'processing',
  'no_attempts_left',
  'succeeded',
  'cancelled',
];

it.each<[string, TaskFilter]>([
  ['a shard', { shard: 'default' }],
  ['every status', { status: STATUSES }],
  ['a shard and every status', { shard: 'default', status: STATUSES }],
])('takes %s alone for no filter', async (_, filter) => {
  await storeEach();
  const before = await statuses();
  for (const action of ['retry', 'cancel', 'delete', 'runNow'] as const) {
    expect(await rejectionOf(admin[action](filter))).toMatchObject({ field: 'filter' });
  }
  expect(await statuses()).toEqual(before);
});

it('takes several kinds, and none for nothing', async () => {
  await storeEach();
  const first = definition;
  definition = newKind();
  await storeEach();
  expect((await admin.list({ kind: [first, definition], status: 'new' })).tasks).toHaveLength(2);
  expect((await admin.list({ kind: [] })).tasks).toEqual([]);
  expect(await admin.cancel({ kind: [] })).toEqual({ changed: 0, more: false });
  expect(await admin.delete({ kind: [first.kind, definition], status: 'new' })).toMatchObject({ changed: 2 });
});

/** A task of each status. */
async function storeEach(count = 1): Promise<void> {
  await app.dataSource.query(
    `INSERT INTO pgqueue (kind, status, lease_id, payload, run_at, finished_at, attempts_left)
     SELECT $1, (CASE WHEN s = 'processing' THEN 'must_retry' ELSE s END)::pgqueue_status, CASE WHEN s = 'processing' THEN 1000000 END,
       to_json(s), now() + interval '1 hour', CASE WHEN s IN ('succeeded', 'cancelled', 'no_attempts_left') THEN now() END,
       CASE WHEN s = 'no_attempts_left' THEN 0 ELSE 5 END
     FROM unnest($2::text[]) s, generate_series(1, $3::int)`,
    [definition.kind, STATUSES, count],
  );
}

const statuses = async () => (await app.stored()).map(({ id, status }) => [id, status]);

let definition = newKind();
