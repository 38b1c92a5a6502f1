import { Logger } from '@nestjs/common';
import { afterEach, expect, vi } from 'vitest';
import type { Redact } from '../../lib/dashboard/index.js';
import { createDashboardApp, type DashboardApp } from '../support/dashboard-app.js';
import { databasePerFile, newKind } from '../support/index.js';

const PAYLOAD = { to: 'ada', Card: { number: 1 }, inner: [{ CARD: null, note: 'card', token: 'x' }] };

const { it, database } = databasePerFile({});

let dashboard: DashboardApp | undefined;

afterEach(async () => {
  vi.restoreAllMocks();
  await dashboard?.close();
  dashboard = undefined;
});

it('hides fields by their names, at any depth and in any case', async () => {
  const { app, id } = await start(['card', 'TOKEN']);
  expect((await app.json(`tasks/${id}`)).task).toMatchObject({
    payload: {
      to: 'ada',
      Card: '[redacted]',
      inner: [{ CARD: '[redacted]', note: 'card', token: '[redacted]' }],
    },
    payloadPreview: '',
  });
});

it('looks into JSON within strings, however deep, and shows none of what it can not read', async () => {
  const { app } = await start(['card', 'TOKEN']);
  const inner = JSON.stringify({ note: 'n', card: '4111', deep: JSON.stringify([{ Token: 'abc', n: 1 }]) });
  const { id } = await app.queue.pushTask({
    kind: Mail,
    payload: {
      body: inner,
      escaped: '{"c\\u0061rd": "4111"}',
      cut: inner.slice(0, 30),
      cutEscaped: '{"c\\u0061rd": "4111", "n',
      log: `sent ${inner} at noon`,
      twice: `${inner}\n${inner}`,
      plain: 'a [card] and {token}',
      spaced: '{ "a": 1.0 }',
    },
  });
  const { task } = await app.json(`tasks/${id}`);
  expect(JSON.stringify(task)).not.toMatch(/4111|abc/);
  expect(task.payload).toEqual({
    body: JSON.stringify({
      note: 'n',
      card: '[redacted]',
      deep: JSON.stringify([{ Token: '[redacted]', n: 1 }]),
    }),
    escaped: '{"card":"[redacted]"}',
    cut: '[redacted]',
    cutEscaped: '[redacted]',
    log: '[redacted]',
    twice: '[redacted]',
    plain: 'a [card] and {token}',
    spaced: '{ "a": 1.0 }',
  });
});

it('shows what a function makes of a payload', async () => {
  const { app, id } = await start((payload, { kind, name }) =>
    kind === Mail.kind ? { to: (payload as typeof PAYLOAD).to, name } : undefined,
  );
  const { task } = await app.json(`tasks/${id}`);
  expect(task).toMatchObject({ payload: { to: 'ada', name: task.name }, payloadPreview: '' });
  const other = await app.queue.pushTask({ kind: newKind(), payload: PAYLOAD });
  expect((await app.json(`tasks/${other.id}`)).task).toMatchObject({ payload: null });
});

it('waits for a function that answers later', async () => {
  const { app, id } = await start(async (payload) => ({ to: (payload as typeof PAYLOAD).to }));
  expect((await app.json(`tasks/${id}`)).task).toMatchObject({ payload: { to: 'ada' } });
});

it.each([
  ['fails', (payload: unknown) => fail(payload)],
  ['fails later', async (payload: unknown) => fail(payload)],
])('shows nothing when the function %s, and logs why', async (_, redact) => {
  const log = vi.spyOn(Logger.prototype, 'error').mockReturnValue();
  const { app, id } = await start(redact);
  const response = await app.get(`/pgqueue/api/tasks/${id}`);
  expect(response.status).toBe(500);
  expect(await response.json()).toEqual({ message: "Something went wrong; the application's log says what" });
  // Nest logs errors of its own, of a connection that it tries again for example.
  expect(log.mock.calls.filter(([line]) => String(line).startsWith('GET '))).toEqual([
    [`GET /pgqueue/api/tasks/${id}: no ada`, expect.stringMatching(/^ {4}at /)],
  ]);
});

it('shows no payloads in lists, and finds none by their text', async () => {
  const { app, id } = await start(['card']);
  expect(await app.json('session')).toEqual({
    user: null,
    access: 'full',
    actsOn: null,
    redacted: true,
    shards: ['default'],
  });
  const { tasks } = await app.json(`tasks?id=${id}`);
  expect(tasks).toMatchObject([{ id, payloadPreview: '' }]);
  const search = await app.get('/pgqueue/api/tasks?text=ada');
  expect(search.status).toBe(400);
  const cancel = await app.post('tasks/cancel', { filter: { text: 'ada' } });
  expect(cancel.status).toBe(400);
  expect(await cancel.json()).toEqual({ message: expect.stringMatching(/^text: /) });
  expect((await app.admin.task(id))!.status).toBe('new');
});

const Mail = newKind();

async function start(redact: Redact): Promise<{ app: DashboardApp; id: string }> {
  dashboard = await createDashboardApp({ url: database.url, dashboard: { authorize: () => true, redact } });
  const { id } = await dashboard.queue.pushTask({ kind: Mail, payload: PAYLOAD });
  return { app: dashboard, id: id! };
}

function fail(payload: unknown): never {
  throw new Error(`no ${(payload as typeof PAYLOAD).to}`);
}
