import { fileURLToPath } from 'node:url';
import type { INestApplication, ModuleMetadata, NestApplicationOptions } from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { CHANGE_HEADER } from '../../lib/dashboard/dashboard-api.js';
import { DashboardAssets } from '../../lib/dashboard/dashboard-assets.js';
import { PgQueueDashboardModule, type PgQueueDashboardOptions } from '../../lib/dashboard/index.js';
import { AllowedHosts } from '../../lib/dashboard/allowed-hosts.js';
import { DASHBOARD_OPTIONS, type ResolvedDashboardOptions } from '../../lib/dashboard/dashboard.options.js';
import { DashboardLanes } from '../../lib/dashboard/dashboard-lanes.js';
import { AccessGuard } from '../../lib/dashboard/access-guard.js';
import { OverviewFeed } from '../../lib/dashboard/overview-feed.js';
import { OverviewStream } from '../../lib/dashboard/overview-stream.js';
import { PgQueueModule, QueueAdmin, QueueService } from '../../lib/index.js';
import { typeOrm } from './nest-app.js';
import { silentLogger } from './silent-logger.js';

/** Some pages, so that the server's tests need none that were built. */
export const PAGES = fileURLToPath(new URL('dashboard-pages', import.meta.url));

export type Adapter = 'express' | 'fastify';
export const ADAPTERS: readonly Adapter[] = ['express', 'fastify'];

export interface DashboardAppOptions {
  /** Of the queue's database; or else `queue`. */
  url?: string;
  /** The modules of the queue. */
  queue?: ModuleMetadata['imports'];
  adapter?: Adapter;
  dashboard?: PgQueueDashboardOptions;
  imports?: ModuleMetadata['imports'];
  controllers?: ModuleMetadata['controllers'];
  /** Options of the application. */
  application?: NestApplicationOptions;
  /** Before the application is initialized. */
  prepare?: (app: INestApplication) => void;
  /** How often the overview is asked for, and viewers are; in ms. */
  times?: { period: number; heartbeat: number };
  /** How long `authorize` may take, in ms. */
  patience?: number;
  /** How many may watch the overview. */
  streams?: number;
}

export interface DashboardApp {
  app: INestApplication;
  admin: QueueAdmin;
  queue: QueueService;
  origin: string;
  /** Asks for a path of the server; redirects are not followed. */
  get(path: string, headers?: Record<string, string>): Promise<Response>;
  /** The JSON below `/pgqueue/api/`, whatever its status. */
  json<T = any>(path: string): Promise<T>;
  /** As the pages change something, below `/pgqueue/api/`. */
  post(path: string, body?: unknown, headers?: Record<string, string>): Promise<Response>;
  close(): Promise<void>;
}

/** What the pages send along with changes. */
export const FROM_PAGE = {
  'content-type': 'application/json',
  [CHANGE_HEADER]: '1',
  'sec-fetch-site': 'same-origin',
};

/** A listening application with a dashboard that lets everybody in, unless its options say otherwise. */
export async function createDashboardApp({
  url,
  queue = [typeOrm(url!), PgQueueModule.forRoot({ autoStart: false })],
  adapter = 'express',
  dashboard = { authorize: () => true },
  imports = [],
  controllers = [],
  application = {},
  prepare,
  times = { period: 50, heartbeat: 10_000 },
  patience,
  streams,
}: DashboardAppOptions): Promise<DashboardApp> {
  const testing = await Test.createTestingModule({
    imports: [...queue, ...imports, PgQueueDashboardModule.forRoot(dashboard)],
    controllers,
  })
    .setLogger(silentLogger)
    .overrideProvider(DashboardAssets)
    .useValue(await DashboardAssets.load(PAGES))
    .overrideProvider(OverviewFeed)
    .useFactory({
      inject: [DashboardLanes],
      factory: ({ overview }: DashboardLanes) => new OverviewFeed(overview, times.period, 0),
    })
    .overrideProvider(OverviewStream)
    .useFactory({
      inject: [OverviewFeed, AccessGuard],
      factory: (feed: OverviewFeed, doorkeeper: AccessGuard) =>
        new OverviewStream(feed, doorkeeper, times.heartbeat, streams),
    })
    .overrideProvider(AccessGuard)
    .useFactory({
      inject: [DASHBOARD_OPTIONS],
      factory: ({ authorize, allowedHosts }: ResolvedDashboardOptions) =>
        new AccessGuard(authorize, new AllowedHosts(allowedHosts), patience),
    })
    .compile();
  const app =
    adapter === 'fastify'
      ? testing.createNestApplication(new FastifyAdapter(), application)
      : testing.createNestApplication(application);
  prepare?.(app);
  await app.listen(0, '127.0.0.1');
  const origin = await app.getUrl();
  const get = (path: string, headers: Record<string, string> = {}) =>
    fetch(origin + path, { headers, redirect: 'manual' });
  return {
    app,
    admin: app.get(QueueAdmin),
    queue: app.get(QueueService),
    origin,
    get,
    json: async <T>(path: string) => (await (await get(`/pgqueue/api/${path}`)).json()) as T,
    post: (path, body = {}, headers = FROM_PAGE) =>
      fetch(`${origin}/pgqueue/api/${path}`, { method: 'POST', headers, body: JSON.stringify(body) }),
    close: () => app.close(),
  };
}
