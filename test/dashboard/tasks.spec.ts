import { DataSource } from 'typeorm';
import { beforeEach, describe, expect } from 'vitest';
import { createDashboardApp } from '../support/dashboard-app.js';
import { databasePerFile, lazily, newKind, until } from '../support/index.js';

const { it, dashboard } = databasePerFile({ dashboard: ({ url }) => createDashboardApp({ url }) });
const admin = lazily(() => dashboard.admin);
const queue = lazily(() => dashboard.queue);
const dataSource = lazily(() => dashboard.app.get(DataSource));

beforeEach(() => dataSource.query('TRUNCATE pgqueue'));

describe('the list', () => {
  it('answers what QueueAdmin lists', async () => {
    await queue.pushTasks([
      { kind: A, payload: { n: '<script>alert(1)</script>' }, externalKey: 'a&b=c' },
      { kind: B, payload: null },
    ]);
    const response = await dashboard.get('/pgqueue/api/tasks');
    expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(await response.json()).toEqual(sent(await admin.list()));
  });

  it.each([
    ['kind', () => `kind=${A.kind}`, ['first', 'second']],
    ['status', () => 'status=new', ['first', 'third']],
    ['several statuses', () => 'status=no_attempts_left,succeeded', ['second', 'fourth']],
    ['several ids', (ids: Ids) => `id=${ids['first']},${ids['fourth']}`, ['first', 'fourth']],
    ['external key', () => `externalKey=${encodeURIComponent('a&b=ü')}`, ['third']],
    ['text', () => `text=${encodeURIComponent('"SOME <b> &')}`, ['second']],
    ['time', () => 'createdFrom=2020-01-01T00:00:00Z&createdTo=2020-01-01T00:00:00.002Z', ['fourth']],
    ['all of them', () => `kind=${B.kind}&status=new&externalKey=${encodeURIComponent('a&b=ü')}`, ['third']],
    ['what nobody has', () => 'kind=9999', []],
  ] as const)('finds tasks by %s', async (_, query, expected) => {
    const ids: Record<string, string> = {
      first: (await queue.pushTask({ kind: A, payload: 1 })).id!,
      second: await store('no_attempts_left', A.kind, '{"text":"some <b> & more"}'),
      third: (await queue.pushTask({ kind: B, payload: 3, externalKey: 'a&b=ü' })).id!,
      fourth: await store('succeeded', B.kind),
    };
    await dataSource.query(`UPDATE pgqueue SET created_at = '2020-01-01T00:00:00.001Z' WHERE id = $1`, [
      ids['fourth'],
    ]);
    const { tasks } = await dashboard.json(`tasks?${query(ids)}`);
    expect(tasks.map(({ id }: { id: string }) => id).toSorted()).toEqual(
      expected.map((name) => ids[name]).toSorted(),
    );
  });

  it('goes on where a page ends', async () => {
    await queue.pushTasks(Array.from({ length: 5 }, (_, n) => ({ kind: A, payload: n })));
    const ids = [];
    let next: string | null = '';
    while (next !== null) {
      const page: { tasks: { id: string }[]; next: string | null } = await dashboard.json(
        `tasks?kind=${A.kind}&limit=2${next && `&after=${next}`}`,
      );
      ids.push(...page.tasks.map(({ id }) => id));
      next = page.next;
    }
    expect(new Set(ids).size).toBe(5);
  });

  it.each([
    'kind=mail',
    'kind=99999',
    'kind=1e1',
    'kind=',
    'status=done',
    'status=',
    'id=x',
    'externalKey=',
    'text=',
    'createdFrom=yesterday',
    'createdTo=2020-13-45',
    'limit=0',
    'limit=501',
    'limit=1.5',
    'after=x',
    'order=id',
    '__proto__=1',
    'kind=1&kind=2',
  ])('refuses ?%s with words that name the field', async (query) => {
    const response = await dashboard.get(`/pgqueue/api/tasks?${query}`);
    expect(response.status).toBe(400);
    const { message } = (await response.json()) as { message: string };
    expect(message).toMatch(new RegExp(`^${query.split('=')[0]}: `));
  });
});

describe('one task', () => {
  it('comes with why it does not run', async () => {
    const id = await store('no_attempts_left', A.kind, '{"a":{"b":"\\u0000<b>"}}');
    expect(await dashboard.json(`tasks/${id}`)).toEqual(
      sent({ task: await admin.task(id), explanation: await admin.explain(id) }),
    );
    expect(await dashboard.json(`tasks/${id}`)).toMatchObject({
      task: { errors: ['it broke'], payload: { a: { b: '\u0000<b>' } } },
      explanation: { reason: 'no-attempts-left' },
    });
  });

  it('may be gone, or never have been', async () => {
    const gone = await dashboard.get('/pgqueue/api/tasks/404');
    expect(gone.status).toBe(404);
    expect(await gone.json()).toEqual({ message: 'There is no task 404' });
    expect((await dashboard.get('/pgqueue/api/tasks/x')).status).toBe(400);
  });
});

describe('actions', () => {
  const act = async (action: string, body: unknown) => {
    const response = await dashboard.post(`tasks/${action}`, body);
    return { status: response.status, answer: await response.json() };
  };
  const statusOf = async (id: string) => (await admin.task(id))?.status;

  it.each([
    ['retry', 'no_attempts_left', 'must_retry'],
    ['cancel', 'new', 'cancelled'],
    ['delete', 'succeeded', undefined],
  ])('%s', async (action, from, to) => {
    const id = await store(from, A.kind);
    const other = await store(from, A.kind);
    expect(await act(action, { filter: { id } })).toEqual({
      status: 200,
      answer: { changed: 1, more: false },
    });
    expect([await statusOf(id), await statusOf(other)]).toEqual([to, from]);
  });

  it('runNow', async () => {
    const { id } = await queue.pushTask({ kind: A, payload: 1 }, { delay: '1h' });
    expect(await act('runNow', { filter: { kind: String(A.kind), status: 'new,must_retry' } })).toEqual({
      status: 200,
      answer: { changed: 1, more: false },
    });
    expect((await admin.task(id!))!.runAt.getTime()).toBeLessThan(Date.now() + 60_000);
  });

  it('change no more than asked for', async () => {
    await queue.pushTasks(Array.from({ length: 5 }, (_, n) => ({ kind: A, payload: n })));
    expect(await act('cancel', { filter: { kind: String(A.kind) }, limit: 2 })).toEqual({
      status: 200,
      answer: { changed: 2, more: true },
    });
  });

  it.each([
    ['nothing', {}, 'filter: '],
    ['a filter that names nothing', { filter: {} }, 'filter: '],
    ['a list', { filter: [] }, 'filter: '],
    ['a body that is a list', [{ filter: { kind: '1' } }], 'filter: '],
    ['an unknown field', { filter: { kind: '1', state: 'new' } }, 'state: '],
    ['a page', { filter: { kind: '1', limit: '1' } }, 'limit: '],
    ['a number for a text', { filter: { kind: 1 } }, 'kind: '],
    ['an unknown option', { filter: { kind: '1' }, force: true }, 'force: '],
    ['a wrong limit', { filter: { kind: '1' }, limit: 0 }, 'limit: '],
  ])('refuse %s', async (_, body, message) => {
    const id = await store('new', A.kind);
    expect(await act('cancel', body)).toEqual({
      status: 400,
      answer: { message: expect.stringContaining(message) },
    });
    expect(await statusOf(id)).toBe('new');
  });

  it('are those of the list', async () => {
    expect(await act('task', { filter: { kind: '1' } })).toEqual({
      status: 404,
      answer: { message: 'There is no action task' },
    });
  });
});

describe('kinds and workers', () => {
  it('pauses and resumes a kind', async () => {
    const turn = async (verb: string) => (await dashboard.post(`kinds/${A.kind}/${verb}`)).json();
    expect(await turn('pause')).toEqual({ changed: true });
    expect(await turn('pause')).toEqual({ changed: false });
    expect(await admin.kinds()).toMatchObject([{ kind: A.kind, pausedAt: expect.any(Date) }]);
    expect(await turn('resume')).toEqual({ changed: true });
    expect(await turn('resume')).toEqual({ changed: false });
    expect(await admin.kinds()).toEqual([]);
  });

  it.each(['mail', '99999', '1.5'])('knows no kind %s', async (kind) => {
    expect((await dashboard.post(`kinds/${kind}/pause`)).status).toBe(400);
  });

  it('shows the worker processes', async () => {
    queue.registerKind(A, () => undefined, { attemptTimeout: '1m', backoff: () => 1000 });
    await queue.start();
    await until(async () => (await admin.workers()).length > 0);
    const [shown, ...others] = (await dashboard.json('workers')).workers;
    expect(others).toEqual([]);
    const [{ silentMs: _, heartbeatAt: __, shards: ___, ...worker }] = sent(await admin.workers());
    expect(shown).toMatchObject(worker);
    await queue.stop();
  });
});

/** As the pages get it. */
const sent = (value: unknown) => JSON.parse(JSON.stringify(value));

async function store(status: string, kind: number, payload = '{}'): Promise<string> {
  const [{ id }] = await dataSource.query(
    `INSERT INTO pgqueue (kind, status, payload, attempts_left, attempts_elapsed, messages, finished_at)
     VALUES ($1, $2::pgqueue_status, $3, $4, 2, '{"it broke"}', CASE WHEN $2::pgqueue_status IN ('succeeded', 'cancelled') THEN now() END) RETURNING id`,
    [kind, status, payload, status === 'no_attempts_left' ? 0 : 3],
  );
  return id;
}

type Ids = Record<string, string>;

const A = newKind();
const B = newKind();
