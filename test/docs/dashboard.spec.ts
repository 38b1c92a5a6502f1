import { readFileSync } from 'node:fs';
import type { Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { afterEach, expect, vi } from 'vitest';
import { OpsModule, password, redact, SupportModule } from '../../docs/examples/dashboard.js';
import { DashboardAssets } from '../../lib/dashboard/dashboard-assets.js';
import { PgQueueModule } from '../../lib/index.js';
import { PAGES } from '../support/dashboard-app.js';
import { databasePerFile } from '../support/index.js';
import { typeOrm } from '../support/nest-app.js';
import { silentLogger } from '../support/silent-logger.js';

const { it, database } = databasePerFile({});

afterEach(() => vi.unstubAllEnvs());

it('asks for a password', async () => {
  vi.stubEnv('DASHBOARD_PASSWORD', 'secret');
  const [unknown, wrong, right] = await ask(OpsModule, '/pgqueue/', [
    {},
    { authorization: `Basic ${btoa('ops:guess')}` },
    { authorization: `Basic ${btoa('ops:secret')}` },
  ]);
  expect([unknown!.status, wrong!.status, right!.status]).toEqual([401, 401, 200]);
  expect(unknown!.headers.get('www-authenticate')).toBe('Basic realm="queue"');
  expect(() => password('ops', '')).toThrow('there is no password');
});

it('asks a service of the application', async () => {
  const cookies = ['', 'user=eve; role=guest', 'user=ada; role=support', 'user=bob; role=ops'].map(
    (cookie) => ({ cookie }),
  );
  const answers = await ask(SupportModule, '/ops/queue/api/session', cookies);
  expect(await Promise.all(answers.map((answer) => answer.json()))).toEqual([
    { message: 'Forbidden' },
    { message: 'Forbidden' },
    { user: 'ada', access: 'read-only', actsOn: [], redacted: true, shards: ['default'] },
    { user: 'bob', access: 'full', actsOn: null, redacted: true, shards: ['default'] },
  ]);
});

it('redacts', () => {
  expect(redact({ to: 'ada', token: 'x' }, { name: 'send-mail' })).toEqual({ to: 'ada' });
  expect(redact({ to: 'ada' }, { name: 'charge' })).toBe('[hidden]');
});

it('names every option', () => {
  const source = readFileSync('lib/dashboard/dashboard.options.ts', 'utf8');
  const [, options] = /export interface PgQueueDashboardOptions \{(.*?)^\}/ms.exec(source)!;
  const names = [...options!.matchAll(/^ {2}(\w+)\?/gm)].map(([, name]) => name);
  const section = readFileSync('docs/dashboard.md', 'utf8').split(/^## /m)[1]!;
  expect([...section.matchAll(/^\| `(\w+)` +\|/gm)].map(([, name]) => name)).toEqual(names);
});

/** Asks an application with this module. */
async function ask(module: Type, path: string, headers: Record<string, string>[]) {
  const testing = await Test.createTestingModule({
    imports: [typeOrm(database.url), PgQueueModule.forRoot({ autoStart: false }), module],
  })
    .setLogger(silentLogger)
    .overrideProvider(DashboardAssets)
    .useValue(await DashboardAssets.load(PAGES))
    .compile();
  const app = testing.createNestApplication();
  await app.listen(0, '127.0.0.1');
  const url = `${await app.getUrl()}${path}`;
  const answers = await Promise.all(headers.map((sent) => fetch(url, { headers: sent })));
  await app.close();
  return answers;
}
