import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Injectable, Logger, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { afterEach, describe, expect, vi } from 'vitest';
import { DashboardAssets } from '../../lib/dashboard/dashboard-assets.js';
import {
  DashboardFilesError,
  PgQueueDashboardModule,
  type PgQueueDashboardOptions,
  type PgQueueDashboardOptionsFactory,
} from '../../lib/dashboard/index.js';
import { InvalidOptionError, PgQueueModule } from '../../lib/index.js';
import { createDashboardApp, PAGES } from '../support/dashboard-app.js';
import { databasePerFile, IDLE } from '../support/index.js';
import { bootError, typeOrm } from '../support/nest-app.js';
import { silentLogger } from '../support/silent-logger.js';

// Applications that are refused must not leave a migration half done: the owner's has made the tables.
const { it, database } = databasePerFile({ owner: IDLE });

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

describe('without authorize', () => {
  it.each([undefined, 'production', 'test', 'staging', ''])(
    'does not boot with NODE_ENV %j',
    async (environment) => {
      vi.stubEnv('NODE_ENV', environment);
      expect(await boot()).toMatchObject({
        name: 'InvalidOptionError',
        field: 'authorize',
        message: expect.stringContaining('must be given: the dashboard shows payloads and changes tasks'),
      });
    },
  );

  it('lets in who uses this machine, in development, and says so', async () => {
    vi.stubEnv('NODE_ENV', 'development');
    const warn = vi.spyOn(Logger.prototype, 'warn').mockReturnValue();
    const dashboard = await createDashboardApp({ url: database.url, dashboard: {} });
    expect(warn).toHaveBeenCalledWith(
      'there is no `authorize`: whoever uses this machine may see and change the tasks',
    );
    expect((await dashboard.get('/pgqueue/')).status).toBe(200);
    expect((await dashboard.get('/pgqueue/', { 'x-forwarded-for': '10.0.0.1' })).status).toBe(403);
    await dashboard.close();
  });
});

it.each<[keyof PgQueueDashboardOptions | string, unknown]>([
  ['path', ''],
  ['path', '/'],
  ['path', 'a b'],
  ['path', 'a//b'],
  ['path', ':a'],
  ['path', '*'],
  ['path', 7],
  ['authorize', true],
  ['authorize', null],
  ['redact', 'card'],
  ['redact', []],
  ['redact', ['']],
  ['redact', [/card/]],
  ['autorize', () => true],
])('refuses %s: %j', async (name, value) => {
  const error = await boot({ authorize: () => true, [name]: value });
  expect(error).toBeInstanceOf(InvalidOptionError);
  expect(error).toMatchObject({ field: name, value });
});

it('takes its options from a factory, with what that injects', async () => {
  @Injectable()
  class Config implements PgQueueDashboardOptionsFactory {
    private readonly access = 'read-only';

    async createPgQueueDashboardOptions(): Promise<PgQueueDashboardOptions> {
      return { path: 'queue', authorize: () => this.access, redact: ['card'] };
    }
  }
  @Module({ providers: [Config], exports: [Config] })
  class ConfigModule {}

  const testing = await Test.createTestingModule({
    imports: [
      typeOrm(database.url),
      PgQueueModule.forRoot({ autoStart: false }),
      PgQueueDashboardModule.forRootAsync({ imports: [ConfigModule], useExisting: Config }),
    ],
  })
    .setLogger(silentLogger)
    .overrideProvider(DashboardAssets)
    .useValue(await DashboardAssets.load(PAGES))
    .compile();
  const app = testing.createNestApplication();
  await app.listen(0, '127.0.0.1');
  const session = await fetch(`${await app.getUrl()}/queue/api/session`);
  expect(await session.json()).toEqual({
    user: null,
    access: 'read-only',
    actsOn: [],
    redacted: true,
    shards: ['default'],
  });
  await app.close();
});

describe('the files of the pages', () => {
  it('must be there', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'pgqueue-pages-'));
    await writeFile(path.join(folder, 'app.js'), '');
    for (const missing of [folder, path.join(folder, 'nowhere')]) {
      const loaded = DashboardAssets.load(missing);
      await expect(loaded).rejects.toBeInstanceOf(DashboardFilesError);
      await expect(loaded).rejects.toMatchObject({
        code: 'PGQUEUE_DASHBOARD_FILES',
        message: `the pages of the dashboard are not in ${missing}: in a clone of the repository, run \`npm run build\``,
      });
    }
    await rm(folder, { recursive: true });
  });
});

const boot = (dashboard?: PgQueueDashboardOptions) =>
  bootError({
    imports: [
      typeOrm(database.url),
      PgQueueModule.forRoot({ autoStart: false }),
      PgQueueDashboardModule.forRoot(dashboard),
    ],
  });
