import { request } from 'node:http';
import { json } from 'node:stream/consumers';
import { afterAll, beforeEach, describe, expect } from 'vitest';
import { CHANGE_HEADER } from '../../lib/dashboard/dashboard-api.js';
import { ADAPTERS, createDashboardApp, type DashboardApp, FROM_PAGE } from '../support/dashboard-app.js';
import { databasePerFile } from '../support/index.js';

const { it, database } = databasePerFile({});

describe.each(ADAPTERS)('with %s', (adapter) => {
  let dashboard: DashboardApp;
  let host: string;

  it.beforeAll(async () => {
    dashboard = await createDashboardApp({ url: database.url, adapter });
    host = new URL(dashboard.origin).host;
  });

  afterAll(() => dashboard.close());

  beforeEach(() => dashboard.admin.resume(1));

  /** Without the headers that `fetch` adds by itself. */
  const pause = (headers: Record<string, string>, body = '{}') =>
    new Promise<{ status: number; answer: unknown }>((resolve, reject) => {
      const call = request(
        `${dashboard.origin}/pgqueue/api/kinds/1/pause`,
        { method: 'POST', headers: { 'content-length': Buffer.byteLength(body), ...headers } },
        (response) => {
          json(response).then((answer) => resolve({ status: response.statusCode!, answer }), reject);
        },
      );
      call.on('error', reject);
      call.end(body);
    });

  const pausedAt = async () => (await dashboard.admin.kinds()).find(({ kind }) => kind === 1)?.pausedAt;

  const type = { 'content-type': 'application/json' };
  const header = { [CHANGE_HEADER]: '1' };
  const foreign = { status: 403, answer: { message: 'This request does not come from the dashboard' } };

  it.each([
    ['no header of the pages', { ...type, 'sec-fetch-site': 'same-origin' }],
    ['another site', { ...type, ...header, 'sec-fetch-site': 'cross-site' }],
    ['another origin of the same site', { ...type, ...header, 'sec-fetch-site': 'same-site' }],
    ['no page at all', { ...type, ...header, 'sec-fetch-site': 'none' }],
    ['neither a site nor an origin', { ...type, ...header }],
    ['an origin that is another', { ...type, ...header, origin: 'http://evil.test' }],
    ['an origin that hides itself', { ...type, ...header, origin: 'null' }],
    [
      'another site, whatever its origin says',
      { ...type, ...header, 'sec-fetch-site': 'cross-site', origin: 'HOST' },
    ],
  ])('refuses a change from %s', async (_, headers) => {
    const sent = Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name, value === 'HOST' ? dashboard.origin : value]),
    );
    expect(await pause(sent)).toEqual(foreign);
    expect(await pausedAt()).toBeUndefined();
  });

  it('makes a change that comes from the page', async () => {
    const pages: Record<string, string>[] = [
      { 'sec-fetch-site': 'same-origin' },
      { origin: `http://${host}` },
    ];
    for (const origin of pages) {
      expect(await pause({ ...type, ...header, ...origin })).toEqual({
        status: 200,
        answer: { changed: true },
      });
      await dashboard.admin.resume(1);
    }
  });

  it.each([
    ['a form', { 'content-type': 'application/x-www-form-urlencoded' }, 'a=1', 415],
    ['a text', { 'content-type': 'text/plain' }, '{}', 415],
    ['no JSON', {}, '{', 400],
    ['more than there is to say', {}, JSON.stringify({ long: 'x'.repeat(70_000) }), 413],
  ])('refuses %s', async (_, headers, body, status) => {
    expect((await pause({ ...FROM_PAGE, ...headers }, body)).status).toBe(status);
    expect(await pausedAt()).toBeUndefined();
  });

  it('refuses a long body that does not tell its length', async () => {
    const body = JSON.stringify({ long: 'x'.repeat(200_000) });
    const response = await fetch(`${dashboard.origin}/pgqueue/api/kinds/1/pause`, {
      method: 'POST',
      headers: FROM_PAGE,
      body: new Blob([body]).stream(),
      duplex: 'half',
    } as RequestInit);
    expect(response.status).toBe(413);
    expect(await pausedAt()).toBeUndefined();
  });
});
