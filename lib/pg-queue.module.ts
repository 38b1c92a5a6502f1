import {
  type DynamicModule,
  Inject,
  Logger,
  Module,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { TaskHandlerExplorer } from './handlers/task-handler.explorer.js';
import { TaskHandlerRegistry } from './handlers/task-handler.registry.js';
import { PgQueueCoreModule } from './pg-queue-core.module.js';
import type { ASYNC_OPTIONS_TYPE, OPTIONS_TYPE } from './pg-queue.module-definition.js';
import { PG_QUEUE_OPTIONS, type ResolvedOptions } from './pg-queue.options.js';
import { InvalidOptionError } from './task/task.errors.js';
import { TaskScheduler } from './worker/task-scheduler.js';

/**
 * The queue as an application imports it, once: finds the handlers, starts processing when the application's own providers
 * have bootstrapped, and drains before they are destroyed.
 * @publicApi
 */
@Module({})
export class PgQueueModule implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('PgQueue');

  static forRoot(options: typeof OPTIONS_TYPE): DynamicModule {
    return { module: PgQueueModule, imports: [PgQueueCoreModule.forRoot(options)] };
  }

  static forRootAsync(options: typeof ASYNC_OPTIONS_TYPE): DynamicModule {
    return { module: PgQueueModule, imports: [PgQueueCoreModule.forRootAsync(options)] };
  }

  constructor(
    modules: ModulesContainer,
    private readonly explorer: TaskHandlerExplorer,
    private readonly registry: TaskHandlerRegistry,
    private readonly scheduler: TaskScheduler,
    @Inject(PG_QUEUE_OPTIONS) private readonly options: ResolvedOptions,
  ) {
    goLastAtBootstrap(modules);
  }

  onModuleInit(): void {
    for (const { metadata, invoke, origin } of this.explorer.explore(this.options.enhancers)) {
      this.registry.register(metadata.kind, invoke, metadata.options, origin);
    }
  }

  async onApplicationBootstrap(): Promise<void> {
    if (this.options.autoStart) {
      await this.scheduler.start();
    }
  }

  /** The first of all modules: the services that handlers use, and the DataSource, are still there. */
  async onModuleDestroy(): Promise<void> {
    try {
      await this.scheduler.stop();
    } catch (error) {
      // Nest would swallow it.
      this.logger.error(
        'the queue could not be stopped in order; its tasks are rescued when its lease is over',
        error,
      );
    }
  }
}

/**
 * Nest calls bootstrap hooks by falling distance from the root module and shutdown hooks by rising distance. Below the root's,
 * this module is the last to start and the first to stop, wherever it is imported.
 */
function goLastAtBootstrap(modules: ModulesContainer): void {
  const own = [...modules.values()].filter(({ metatype }) => metatype === PgQueueModule);
  if (own.length > 1) {
    throw new InvalidOptionError(
      'PgQueueModule',
      `${own.length} imports`,
      'forRoot or forRootAsync must be called once in an application',
    );
  }
  for (const module of own) {
    module.distance = Number.MIN_SAFE_INTEGER;
  }
}
