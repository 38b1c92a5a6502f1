import { afterAll, describe, expect } from 'vitest';
import { ADAPTERS, createDashboardApp, type DashboardApp } from '../support/dashboard-app.js';
import { databasePerFile } from '../support/index.js';

const { it, database } = databasePerFile({});

describe.each(ADAPTERS)('with %s', (adapter) => {
  let dashboard: DashboardApp;

  it.beforeAll(async () => {
    dashboard = await createDashboardApp({ url: database.url, adapter });
  });

  afterAll(() => dashboard.close());

  it('leads to the path with a slash, on which relative URLs hold', async () => {
    for (const path of ['/pgqueue', '/pgqueue?a=1']) {
      const response = await dashboard.get(path);
      expect(response.status).toBe(302);
      const place = new URL(response.headers.get('location')!, dashboard.origin + path);
      expect(place.href).toBe(dashboard.origin + path.replace('/pgqueue', '/pgqueue/'));
    }
  });

  it('serves the page, never from a cache', async () => {
    for (const path of ['/pgqueue/', '/pgqueue/?a=1', '/pgqueue/index.html']) {
      const response = await dashboard.get(path);
      expect(response.status).toBe(200);
      expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
      expect(response.headers.get('cache-control')).toBe('no-store');
      expect(await response.text()).toContain('The title of the pages');
    }
  });

  it('serves hashed files for good, compressed for those who take it', async () => {
    for (const encoding of ['gzip', 'identity', 'gzip;q=0']) {
      const response = await dashboard.get('/pgqueue/assets/index-9c1d.js', { 'accept-encoding': encoding });
      expect(response.status).toBe(200);
      expect(response.headers.get('content-encoding')).toBe(encoding === 'gzip' ? 'gzip' : null);
      expect(response.headers.get('content-type')).toBe('text/javascript; charset=utf-8');
      expect(response.headers.get('cache-control')).toBe('private, max-age=31536000, immutable');
      expect(await response.text()).toContain('The script of the pages');
    }
  });

  it('answers HEAD without a body', async () => {
    const response = await fetch(`${dashboard.origin}/pgqueue/`, { method: 'HEAD' });
    expect(response.status).toBe(200);
    expect(Number(response.headers.get('content-length'))).toBeGreaterThan(0);
    expect(await response.text()).toBe('');
  });

  it.each([
    '/pgqueue/nothing',
    '/pgqueue/assets/',
    '/pgqueue/..%2f..%2fpackage.json',
    '/pgqueue/%2e%2e%5cpackage.json',
    '/pgqueue//index.html',
    '/pgqueue/api/nothing',
    '/pgqueue/api/',
  ])('has nothing at %s', async (path) => {
    const response = await dashboard.get(path);
    expect(response.status).toBe(404);
    expect(response.headers.get('content-type')).toMatch(/json/);
  });

  it('leaves other paths to the application', async () => {
    for (const path of ['/', '/pgqueues/', '/x/pgqueue/']) {
      const response = await dashboard.get(path);
      expect(response.status).toBe(404);
      expect(response.headers.get('content-security-policy')).toBeNull();
    }
  });

  it.each([
    ['DELETE', '/pgqueue/', 'GET, HEAD'],
    ['POST', '/pgqueue/index.html', 'GET, HEAD'],
    ['POST', '/pgqueue/api/session', 'GET'],
    ['HEAD', '/pgqueue/api/overview/stream', 'GET'],
    ['PUT', '/pgqueue/api/tasks/1', 'GET, POST'],
    ['GET', '/pgqueue/api/kinds/1/pause', 'POST'],
  ])('refuses %s %s', async (method, path, allowed) => {
    const response = await fetch(dashboard.origin + path, { method });
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe(allowed);
  });

  it('guards every answer', async () => {
    for (const path of [
      '/pgqueue',
      '/pgqueue/',
      '/pgqueue/assets/index-9c1d.js',
      '/pgqueue/api/session',
      '/pgqueue/x',
    ]) {
      const { headers } = await dashboard.get(path);
      const policy = headers.get('content-security-policy')!;
      expect(policy).toMatch(/^default-src 'none'; /);
      expect(policy).not.toMatch(/unsafe|\*|https?:|data:/);
      for (const directive of ['base-uri', 'form-action', 'frame-ancestors']) {
        expect(policy).toContain(`${directive} 'none'`);
      }
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('referrer-policy')).toBe('no-referrer');
      expect(headers.get('cross-origin-resource-policy')).toBe('same-origin');
    }
    expect((await dashboard.get('/pgqueue/api/session')).headers.get('cache-control')).toBe('no-store');
  });
});
