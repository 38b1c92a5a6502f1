import { request as ask } from 'node:http';
import { text } from 'node:stream/consumers';
import { Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { afterEach, describe, expect, onTestFinished, vi } from 'vitest';
import type { Authorization, DashboardRequest } from '../../lib/dashboard/index.js';
import { resolveDashboardOptions } from '../../lib/dashboard/dashboard.options.js';
import { StreamText } from '../../lib/dashboard/overview-event.js';
import { InvalidOptionError } from '../../lib/index.js';
import {
  ADAPTERS,
  createDashboardApp,
  type DashboardApp,
  type DashboardAppOptions,
} from '../support/dashboard-app.js';
import { type EventStream, openEventStream } from '../support/event-stream.js';
import { databasePerFile, newKind, thrownBy } from '../support/index.js';

const { it, database } = databasePerFile({});

afterEach(() => vi.restoreAllMocks());

describe.each(ADAPTERS)('with %s', (adapter) => {
  async function start(options: Partial<DashboardAppOptions> = {}): Promise<void> {
    await open({ adapter, ...options });
  }

  async function watch(headers: Record<string, string> = {}): Promise<EventStream> {
    const viewer = await openEventStream(`${dashboard.origin}/pgqueue/api/overview/stream`, headers);
    onTestFinished(() => viewer.leave());
    return viewer;
  }

  const asked = (headers: Record<string, string>) =>
    new Promise<{ status: number; answer: string }>((resolve, reject) => {
      ask(`${dashboard.origin}/pgqueue/api/session`, { headers }, (response) => {
        text(response).then((answer) => resolve({ status: response.statusCode!, answer }), reject);
      })
        .on('error', reject)
        .end();
    });

  it('ends a request, and a stream, whose authorize hangs', async () => {
    vi.spyOn(Logger.prototype, 'error').mockReturnValue();
    let hangs = false;
    await start({
      dashboard: { authorize: () => (hangs ? hangForever() : true) },
      times: { period: 50, heartbeat: 20 },
      patience: 200,
    });
    const viewer = await watch();
    hangs = true;
    await viewer.ended;
    expect((await dashboard.get('/pgqueue/')).status).toBe(503);
  });

  it('lets so many watch and no more, until one leaves', async () => {
    await start({ streams: 2 });
    const [one, two, three] = [await watch(), await watch(), await watch()];
    expect([one.status, two.status, three.status]).toEqual([200, 200, 503]);
    one.leave();
    await expect.poll(async () => (await watch()).status).toBe(200);
  });

  it('compresses an event once for all who watch', async () => {
    await start();
    const packed = vi.spyOn(StreamText.prototype, 'packed');
    const all = await Promise.all(Array.from({ length: 5 }, () => watch({ 'accept-encoding': 'gzip' })));
    await Promise.all(all.map((viewer) => viewer.next('overview')));
    await Promise.all(all.map((viewer) => viewer.next('overview')));
    const events = new Map<unknown, Set<unknown>>();
    for (const [index, { value }] of packed.mock.results.entries()) {
      const event = packed.mock.contexts[index];
      events.set(event, (events.get(event) ?? new Set()).add(value));
    }
    expect(packed.mock.calls.length).toBeGreaterThan(events.size);
    expect([...events.values()].every(({ size }) => size === 1)).toBe(true);
    expect(all.every((viewer) => viewer.headers['content-encoding'] === 'gzip')).toBe(true);
  });

  it('keeps the headers that protect the pages, whatever authorize sets', async () => {
    await start({
      dashboard: {
        authorize: (_, response) => {
          response.setHeader('Content-Security-Policy', 'default-src *');
          response.setHeader('X-Frame-Options', 'ALLOWALL');
          response.setHeader('X-Content-Type-Options', 'none');
          response.setHeader('Access-Control-Allow-Origin', '*');
          response.setHeader('Cross-Origin-Resource-Policy', 'cross-origin');
          response.setHeader('Cache-Control', 'public');
          response.setHeader('Refresh', '0;url=http://evil.test');
          response.setHeader('Set-Cookie', 'session=1');
          return true;
        },
      },
    });
    const { headers } = await dashboard.get('/pgqueue/');
    expect(headers.get('content-security-policy')).toMatch(/^default-src 'none'/);
    expect(headers.get('x-frame-options')).toBe('DENY');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('access-control-allow-origin')).toBeNull();
    expect(headers.get('cross-origin-resource-policy')).toBe('same-origin');
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('refresh')).toBeNull();
    expect(headers.get('set-cookie')).toBe('session=1');
  });

  it('lets authorize answer by itself, such as by a redirect', async () => {
    await start({
      dashboard: {
        authorize: (_, response) => {
          response.writeHead(302, { location: '/login' }).end();
          return false;
        },
      },
    });
    const response = await dashboard.get('/pgqueue/');
    expect([response.status, response.headers.get('location')]).toEqual([302, '/login']);
  });

  it('is asked for by names that another site can not have', async () => {
    vi.spyOn(Logger.prototype, 'warn').mockReturnValue();
    await start({
      dashboard: { authorize: () => true, allowedHosts: ['ops.example.com', '.trusted.example'] },
    });
    for (const host of [
      '127.0.0.1',
      '10.0.0.7:8080',
      '[::1]:80',
      'localhost:1',
      'shop.localhost',
      'backend:3000',
      'OPS.example.com:443',
      'ops.example.com.',
      'a.b.trusted.example',
      'trusted.example',
    ]) {
      expect([host, (await asked({ host })).status]).toEqual([host, 200]);
    }
    for (const host of [
      'evil.test',
      'ops.example.com.evil.test',
      'evilops.example.com',
      'untrusted.example',
      'localhost.evil.test',
      '127.0.0.1.evil.test',
    ]) {
      const headers = { host, 'x-forwarded-host': 'ops.example.com' };
      const { status, answer } = await asked(headers);
      expect([host, status]).toEqual([host, 403]);
      expect(answer).toContain('add it to allowedHosts');
    }
  });

  it.each<[string, (request: DashboardRequest & { user?: string }) => boolean]>([
    ['a session', ({ headers }) => headers.cookie === 'session=1'],
    ['a password', ({ headers }) => headers.authorization === 'Basic b3Bz'],
    ['what other middleware has found out', ({ user }) => user === 'ada'],
  ])('lets in by any name who is known by %s, where no names are given', async (_, authorize) => {
    await start({
      dashboard: { authorize },
      prepare: (app) =>
        app.use((request: { headers: object; user?: string }, __: unknown, next: () => void) => {
          request.user = 'cookie' in request.headers ? 'ada' : 'guest';
          next();
        }),
    });
    const known = { cookie: 'session=1', authorization: 'Basic b3Bz' };
    expect((await asked({ host: 'ops.example.com', ...known })).status).toBe(200);
    expect((await asked({ host: 'ops.example.com' })).answer).toBe('{"message":"Forbidden"}');
  });

  it.each<[string, (request: DashboardRequest & { ip?: string }) => Authorization | Promise<Authorization>]>([
    ['nothing', () => true],
    ['the address', ({ socket }) => socket.remoteAddress === '127.0.0.1'],
    ['the address as the adapter tells it', ({ ip, socket }) => (ip ?? socket.remoteAddress) === '127.0.0.1'],
    ['a header that any page can send', ({ headers }) => headers['x-forwarded-user'] === 'ada'],
    ['a part of the URL', ({ url }) => url.endsWith('/session')],
    ['what can’t be found out', ({ headers }) => (headers.cookie ? true : hangForever())],
  ])('asks for the name of the host where authorize goes by %s', async (_, authorize) => {
    vi.spyOn(Logger.prototype, 'warn').mockReturnValue();
    await start({ dashboard: { authorize }, patience: 200 });
    const headers = { 'x-forwarded-user': 'ada', cookie: 'session=1' };
    const { status, answer } = await asked({ host: 'ops.example.com', ...headers });
    expect([status, answer]).toEqual([403, expect.stringContaining('add it to allowedHosts')]);
    expect((await asked({ host: 'localhost', ...headers })).status).toBe(200);
  });

  it('refuses names that nobody has allowed, and none where any may be', async () => {
    vi.spyOn(Logger.prototype, 'warn').mockReturnValue();
    await start();
    expect((await asked({ host: 'ops.example.com' })).status).toBe(403);
    await dashboard.close();
    await start({ dashboard: { authorize: () => true, allowedHosts: true } });
    expect((await asked({ host: 'ops.example.com' })).status).toBe(200);
  });

  it('sends a large payload to nobody, and says how large it is', async () => {
    await start();
    const payload = 'x'.repeat(300 * 1024);
    const { id } = await dashboard.queue.pushTask({ kind: newKind(), payload });
    const { task } = await dashboard.json(`tasks/${id}`);
    expect(task).toMatchObject({ payload: null, payloadBytes: payload.length + 2 });
    expect((await dashboard.admin.task(id!))!.payload).toBe(payload);
  });
});

it.each([['https://ops.example.com'], ['ops.example.com:443'], [''], ['*'], [7]])(
  'does not boot with %j for a host',
  (host) => {
    const options = { authorize: () => true, allowedHosts: [host] as never };
    expect(thrownBy(() => resolveDashboardOptions(options))).toBeInstanceOf(InvalidOptionError);
  },
);

it('works with as many kinds as there can be', { timeout: 120_000 }, async () => {
  await open();
  const dataSource = dashboard.app.get(DataSource);
  await dataSource.query(
    `INSERT INTO pgqueue (kind, status, payload, attempts_left)
     SELECT kind, 'new', '{}', 5 FROM generate_series(-32768, 32767) kind`,
  );
  await dataSource.query(
    `UPDATE pgqueue SET status = 'no_attempts_left', finished_at = now() WHERE kind = 31000`,
  );
  await dataSource.query('ANALYZE pgqueue');
  try {
    const response = await dashboard.get('/pgqueue/api/overview');
    const body = await response.text();
    expect([response.status, body.length < 500_000]).toEqual([200, true]);
    const overview = JSON.parse(body);
    expect(overview.kinds.map(({ kind }: { kind: number }) => kind)).toContain(31_000);
    expect(overview.moreKinds).toBeGreaterThan(9_000);
    const { count, approximate } = overview.totals.statuses.new;
    expect([count > 40_000, count < 90_000, approximate]).toEqual([true, true, true]);
  } finally {
    await dataSource.query('TRUNCATE pgqueue');
  }
});

function hangForever(): Promise<Authorization> {
  return new Promise(() => undefined);
}

let dashboard: DashboardApp;

/** Opens one that is closed at the end of the test. */
async function open(options: Partial<DashboardAppOptions> = {}): Promise<void> {
  const opened = await createDashboardApp({ url: database.url, ...options });
  onTestFinished(() => opened.close());
  dashboard = opened;
}
