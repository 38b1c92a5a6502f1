import type { IncomingMessage, ServerResponse } from 'node:http';
import { HttpException, Logger, NotFoundException, UnauthorizedException } from '@nestjs/common';
import { afterAll, afterEach, describe, expect, vi } from 'vitest';
import type { Authorization } from '../../lib/dashboard/index.js';
import { ADAPTERS, createDashboardApp, type DashboardApp } from '../support/dashboard-app.js';
import { databasePerFile } from '../support/index.js';

const { it, database } = databasePerFile({});

afterEach(() => vi.restoreAllMocks());

describe.each(ADAPTERS)('with %s', (adapter) => {
  let dashboard: DashboardApp;
  let authorize: (
    request: IncomingMessage,
    response: ServerResponse,
  ) => Authorization | Promise<Authorization>;

  it.beforeAll(async () => {
    dashboard = await createDashboardApp({
      url: database.url,
      adapter,
      dashboard: { authorize: (request, response) => authorize(request, response) },
    });
  });

  afterAll(() => dashboard.close());

  it.each([
    ['says no', () => false as const, 403],
    ['says no later', async () => false as const, 403],
    ['says something else', () => 'yes' as never, 403],
    ['says nothing', () => undefined as never, 403],
    ['fails', () => Promise.reject(new Error('secret of the application')), 403],
    [
      'throws an exception of the server',
      () => {
        throw new HttpException('secret of the application', 500);
      },
      403,
    ],
    [
      'hides it',
      () => {
        throw new NotFoundException('Cannot GET');
      },
      404,
    ],
  ])('gives nothing away when authorize %s', async (_, answer, status) => {
    vi.spyOn(Logger.prototype, 'error').mockReturnValue();
    authorize = answer;
    for (const path of EVERYTHING) {
      const response = await dashboard.get(path);
      expect([path, response.status]).toEqual([path, status]);
      expect(await response.json()).toEqual({ message: status === 403 ? 'Forbidden' : 'Cannot GET' });
      expect(response.headers.get('location')).toBeNull();
    }
    for (const path of ['tasks/cancel', 'kinds/1/pause']) {
      expect((await dashboard.post(path, { filter: { kind: '1' } })).status).toBe(status);
    }
    expect(await dashboard.admin.kinds()).toEqual([]);
  });

  it('logs what authorize throws', async () => {
    const log = vi.spyOn(Logger.prototype, 'error').mockReturnValue();
    const error = new Error('no session store');
    authorize = () => Promise.reject(error);
    await dashboard.get('/pgqueue/');
    expect(log).toHaveBeenCalledExactlyOnceWith(
      `authorize failed, the visitor was turned away: ${error.message}`,
      expect.stringMatching(/^ {4}at /),
    );
  });

  it('lets authorize ask for a password', async () => {
    authorize = ({ headers }, response) => {
      if (headers.authorization === `Basic ${btoa('ada:secret')}`) {
        return true;
      }
      response.setHeader('WWW-Authenticate', 'Basic realm="queue"');
      throw new UnauthorizedException();
    };
    const asked = await dashboard.get('/pgqueue/');
    expect(asked.status).toBe(401);
    expect(asked.headers.get('www-authenticate')).toBe('Basic realm="queue"');
    expect(await asked.json()).toEqual({ message: 'Unauthorized' });
    const given = await dashboard.get('/pgqueue/', { authorization: `Basic ${btoa('ada:secret')}` });
    expect(given.status).toBe(200);
    expect(given.headers.get('www-authenticate')).toBeNull();
  });

  it('lets those who may only look change nothing', async () => {
    authorize = () => true;
    expect(await dashboard.json('session')).toEqual({
      user: null,
      access: 'full',
      actsOn: null,
      redacted: false,
      shards: ['default'],
    });
    authorize = () => Promise.resolve('read-only');
    expect(await dashboard.json('session')).toEqual({
      user: null,
      access: 'read-only',
      actsOn: [],
      redacted: false,
      shards: ['default'],
    });
    expect((await dashboard.get('/pgqueue/')).status).toBe(200);
    for (const path of ['tasks/cancel', 'tasks/retry', 'kinds/1/pause', 'kinds/1/resume']) {
      const response = await dashboard.post(path, { filter: { kind: '1' } });
      expect(response.status).toBe(403);
      expect(await response.json()).toEqual({ message: 'You may look, but change nothing' });
    }
    expect(await dashboard.admin.kinds()).toEqual([]);
  });
});

const EVERYTHING = [
  '/pgqueue',
  '/pgqueue/',
  '/pgqueue/index.html',
  '/pgqueue/assets/index-9c1d.js',
  '/pgqueue/assets/index-4f2a.css',
  '/pgqueue/nothing',
  '/pgqueue/api/session',
  '/pgqueue/api/overview',
  '/pgqueue/api/overview/stream',
  '/pgqueue/api/tasks',
  '/pgqueue/api/tasks/1',
  '/pgqueue/api/workers',
];
