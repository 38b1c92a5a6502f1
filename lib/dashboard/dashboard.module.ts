import { type DynamicModule, Inject, type MiddlewareConsumer, Module, type NestModule } from '@nestjs/common';
import { AllowedHosts } from './allowed-hosts.js';
import { DashboardAssets } from './dashboard-assets.js';
import { DashboardLanes } from './dashboard-lanes.js';
import { DashboardRouter } from './dashboard-router.js';
import { DashboardMiddleware } from './dashboard.middleware.js';
import {
  type ASYNC_OPTIONS_TYPE,
  ConfigurableModuleClass,
  MODULE_OPTIONS_TOKEN,
  type OPTIONS_TYPE,
} from './dashboard.module-definition.js';
import {
  DASHBOARD_OPTIONS,
  type PgQueueDashboardOptions,
  resolveDashboardOptions,
  type ResolvedDashboardOptions,
} from './dashboard.options.js';
import { AccessGuard } from './access-guard.js';
import { OverviewFeed } from './overview-feed.js';
import { OverviewStream } from './overview-stream.js';
import { TasksApi } from './tasks-api.js';

/** How often the overview is read while a visitor watches it. */
const OVERVIEW_PERIOD_MS = 2000;
const ACTIVITY_MS = 5000;
const HEARTBEAT_MS = 15_000;

/**
 * The pages that show the queue and act on it. Import it beside `PgQueueModule`, by `forRoot` or `forRootAsync`, in an application
 * with Express or Fastify.
 * @publicApi
 */
@Module({
  providers: [
    {
      provide: DASHBOARD_OPTIONS,
      inject: [MODULE_OPTIONS_TOKEN],
      useFactory: (options: PgQueueDashboardOptions) => resolveDashboardOptions(options),
    },
    { provide: DashboardAssets, useFactory: () => DashboardAssets.load() },
    {
      provide: AccessGuard,
      inject: [DASHBOARD_OPTIONS],
      useFactory: ({ authorize, allowedHosts }: ResolvedDashboardOptions) =>
        new AccessGuard(authorize, new AllowedHosts(allowedHosts)),
    },
    DashboardLanes,
    {
      provide: OverviewFeed,
      inject: [DashboardLanes],
      useFactory: ({ overview }: DashboardLanes) =>
        new OverviewFeed(overview, OVERVIEW_PERIOD_MS, ACTIVITY_MS, (work) => overview.background(work)),
    },
    {
      provide: OverviewStream,
      inject: [OverviewFeed, AccessGuard],
      useFactory: (feed: OverviewFeed, guard: AccessGuard) => new OverviewStream(feed, guard, HEARTBEAT_MS),
    },
    TasksApi,
    DashboardRouter,
  ],
})
export class PgQueueDashboardModule extends ConfigurableModuleClass implements NestModule {
  /**
   * The dashboard with these options. What is wrong with them stops the boot with an `InvalidOptionError`, and pages that were not
   * built with a `DashboardFilesError`.
   */
  static override forRoot(options: typeof OPTIONS_TYPE = {}): DynamicModule {
    return super.forRoot(options);
  }

  /** The same with options made by `useFactory`, `useClass` or `useExisting`, with `imports` and `inject`. */
  static override forRootAsync(options: typeof ASYNC_OPTIONS_TYPE): DynamicModule {
    return super.forRootAsync(options);
  }

  constructor(@Inject(DASHBOARD_OPTIONS) private readonly options: ResolvedDashboardOptions) {
    super();
  }

  configure(consumer: MiddlewareConsumer): void {
    const { path } = this.options;
    consumer.apply(DashboardMiddleware).forRoutes(path, `${path}/*rest`);
  }
}
