import { Logger } from '@nestjs/common';
import { afterAll, afterEach, beforeEach, describe, expect, vi } from 'vitest';
import type { Authorization, DashboardRequest } from '../../lib/dashboard/index.js';
import { ADAPTERS, createDashboardApp, type DashboardApp } from '../support/dashboard-app.js';
import { openEventStream } from '../support/event-stream.js';
import { databasePerFile, newKind } from '../support/index.js';

const { it, database } = databasePerFile({});

afterEach(() => vi.restoreAllMocks());

describe.each(ADAPTERS)('with %s', (adapter) => {
  const Mine = newKind();
  const Other = newKind();
  let dashboard: DashboardApp;
  let mine: string;
  let other: string;
  let answer: Authorization = true;
  let asked: Pick<DashboardRequest, 'url' | 'body' | 'method'>[] = [];

  it.beforeAll(async () => {
    dashboard = await createDashboardApp({
      url: database.url,
      adapter,
      prepare: (app) => app.setGlobalPrefix('shop'),
      dashboard: {
        authorize: ({ url, body, method }) => {
          asked.push({ url, body, method });
          return answer;
        },
      },
    });
    mine = (await dashboard.queue.pushTask({ kind: Mine, payload: 1 })).id!;
    other = (await dashboard.queue.pushTask({ kind: Other, payload: 1 })).id!;
  });

  afterAll(() => dashboard.close());

  beforeEach(() => {
    answer = { user: 'jane', view: [Mine], act: true };
    asked = [];
  });

  const get = (path: string) => dashboard.get(`/shop/pgqueue/api/${path}`);
  const json = async (path: string) => (await get(path)).json();
  const post = (path: string, body: unknown = {}) =>
    fetch(`${dashboard.origin}/shop/pgqueue/api/${path}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-pgqueue-dashboard': '1',
        'sec-fetch-site': 'same-origin',
      },
      body: JSON.stringify(body),
    });

  it('shows a visitor who he is, and the kinds that he may see, on every route', async () => {
    expect(await json('session')).toMatchObject({ user: 'jane', access: 'full' });
    const overview = await json('overview');
    expect(overview.kinds.map(({ kind }: { kind: number }) => kind)).toEqual([Mine.kind]);
    expect(overview.totals.statuses.new.count).toBe(1);
    expect(overview.shards[0].statuses.new.count).toBe(1);
    const stream = await openEventStream(`${dashboard.origin}/shop/pgqueue/api/overview/stream`);
    const { data } = await stream.next('overview');
    stream.leave();
    expect(data.kinds.map(({ kind }: { kind: number }) => kind)).toEqual([Mine.kind]);
    for (const [query, ids] of [
      ['', [mine]],
      [`?kind=${Mine.kind}`, [mine]],
      [`?kind=${Other.kind}`, []],
      [`?id=${mine},${other}`, [mine]],
    ] as const) {
      const { tasks } = await json(`tasks${query}`);
      expect([query, tasks.map(({ id }: { id: string }) => id)]).toEqual([query, ids]);
    }
    expect((await get(`tasks/${mine}`)).status).toBe(200);
    expect((await get(`tasks/${other}`)).status).toBe(404);
  });

  it('lets him act on these alone', async () => {
    expect(await (await post('tasks/runNow', { filter: { id: other } })).json()).toMatchObject({
      changed: 0,
    });
    expect(await (await post('tasks/cancel', { filter: { kind: String(Other.kind) } })).json()).toMatchObject(
      {
        changed: 0,
      },
    );
    for (const filter of [{}, { shard: 'default' }]) {
      expect((await post('tasks/cancel', { filter })).status).toBe(400);
    }
    expect((await post(`kinds/${Other.kind}/pause`)).status).toBe(403);
    expect((await post(`kinds/${Mine.kind}/pause`)).status).toBe(200);
    expect((await post(`kinds/${Mine.kind}/resume`)).status).toBe(200);
    expect((await dashboard.admin.task(other))!.status).toBe('new');
  });

  it('lets him see all kinds and act on some', async () => {
    answer = { user: 'jane', view: true, act: [Mine] };
    expect(await json('session')).toMatchObject({ access: 'full', actsOn: [Mine.kind] });
    expect((await get(`tasks/${other}`)).status).toBe(200);
    for (const filter of [{ id: other }, { kind: String(Other.kind) }]) {
      expect(await (await post('tasks/cancel', { filter })).json()).toMatchObject({ changed: 0 });
    }
    expect((await post(`kinds/${Other.kind}/pause`)).status).toBe(403);
    const { id } = await dashboard.queue.pushTask({ kind: Mine, payload: 1 });
    const status = { filter: { id: `${id},${other}`, status: 'new' } };
    expect(await (await post('tasks/cancel', status)).json()).toMatchObject({ changed: 1 });
    expect((await dashboard.admin.task(other))!.status).toBe('new');
  });

  it('lets him act on no kind that he may not see', async () => {
    answer = { user: 'jane', view: [Mine], act: [Other] };
    expect((await post('tasks/cancel', { filter: { id: other } })).status).toBe(403);
    expect((await post(`kinds/${Other.kind}/pause`)).status).toBe(403);
  });

  it('tells who has acted, in an event and in the log', async () => {
    const log = vi.spyOn(Logger.prototype, 'log').mockReturnValue();
    const events: unknown[] = [];
    const leave = dashboard.queue.subscribe(
      (event) => void (event.type === 'action-taken' && events.push(event)),
    );
    const { id } = await dashboard.queue.pushTask({ kind: Mine, payload: 1 });
    await post('tasks/cancel', { filter: { id } });
    await post(`kinds/${Mine.kind}/pause`);
    await post(`kinds/${Mine.kind}/resume`);
    leave();
    const kinds = [{ kind: Mine.kind, name: expect.any(String), count: 1 }];
    expect(events).toMatchObject([
      {
        action: 'cancel',
        by: 'jane',
        via: 'dashboard',
        filter: { id: [id], kind: [Mine.kind] },
        count: 1,
        kinds,
      },
      { action: 'pause', by: 'jane', via: 'dashboard', filter: { kind: [Mine.kind] }, count: 1, kinds },
      { action: 'resume', by: 'jane', via: 'dashboard', filter: { kind: [Mine.kind] }, count: 1, kinds },
    ]);
    expect(log.mock.calls.map(([line]) => line)).toContain(
      `cancel by jane (dashboard): changed 1 task; id ${id}, kind ${Mine.kind}, limit 1000`,
    );
  });

  it('does not let a visitor say who he is by himself', async () => {
    const response = await post('tasks/cancel', { filter: { kind: String(Mine.kind) }, by: 'somebody else' });
    expect(response.status).toBe(400);
  });

  it('shows authorize the whole path, and what is to be done', async () => {
    await get('tasks?kind=1');
    await post('tasks/runNow', { filter: { id: mine } });
    expect(asked).toEqual([
      { method: 'GET', url: '/shop/pgqueue/api/tasks?kind=1', body: undefined },
      { method: 'POST', url: '/shop/pgqueue/api/tasks/runNow', body: { filter: { id: mine } } },
    ]);
  });

  it('shows authorize no body that is none of the dashboard, whatever the adapter reads', async () => {
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    const url = `${dashboard.origin}/shop/pgqueue/api/tasks/cancel`;
    const response = await fetch(url, {
      method: 'POST',
      headers: { ...form, 'x-pgqueue-dashboard': '1', 'sec-fetch-site': 'same-origin' },
      body: 'filter=1',
    });
    expect([response.status, asked.map(({ body }) => body)]).toEqual([415, [undefined]]);
  });

  it('changes nothing for who may only view, and shows nothing to who may not even that', async () => {
    answer = { user: 'jo', view: true };
    expect(await json('session')).toMatchObject({ user: 'jo', access: 'read-only' });
    expect((await post('tasks/cancel', { filter: { id: mine } })).status).toBe(403);
    answer = { user: 'jo', view: false, act: true };
    expect((await get('session')).status).toBe(403);
  });

  it.each<[string, unknown]>([
    ['a user of the application', { id: 1, name: 'jane' }],
    ['no rights', { user: 'jane' }],
    ['a right to act alone', { user: 'jane', act: true }],
    ['rights that there are none of', { user: 'jane', view: true, everything: true }],
    ['a name that is none', { user: 7, view: true }],
    ['kinds that are none', { user: 'jane', view: ['mail'] }],
    ['kinds to act on that are none', { user: 'jane', view: true, act: [99_999] }],
    ['one kind in place of a list', { user: 'jane', view: 1 }],
    ['a word for a right', { user: 'jane', view: true, act: 'no' }],
  ])('takes %s for no right, and logs why', async (_, wrong) => {
    const log = vi.spyOn(Logger.prototype, 'error').mockReturnValue();
    answer = wrong as Authorization;
    expect((await get('session')).status).toBe(403);
    expect(log).toHaveBeenCalledOnce();
  });
});
