import {
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { TaskHandlerExplorer } from '../handlers/task-handler.explorer.js';
import { TaskHandlerRegistry } from '../handlers/task-handler.registry.js';
import { PG_QUEUE_OPTIONS, type ResolvedOptions } from '../cluster/queue.options.js';
import { QueueDatabases } from '../cluster/queue-databases.js';
import { check } from '../errors/check.js';
import { errorMessage } from '../errors/error-message.js';
import { framesOf, oneLine } from '../errors/one-line.js';
import { Instruments } from '../events/instrumentation.js';
import { ProcessingLifecycle } from '../cluster/process/processing-lifecycle.js';

/** By this time after the start, an application that handles signals has registered its listeners. */
const SIGNALS_CHECK_MS = 5000;

/**
 * Connects the queue to the application: finds the handlers, starts processing when the application's own providers have
 * bootstrapped, and drains before they are destroyed.
 */
@Injectable()
export class QueueLifecycle implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('PgQueue');
  private signalsCheck: NodeJS.Timeout | undefined;

  constructor(
    modules: ModulesContainer,
    private readonly explorer: TaskHandlerExplorer,
    private readonly registry: TaskHandlerRegistry,
    private readonly databases: QueueDatabases,
    private readonly processing: ProcessingLifecycle,
    private readonly instruments: Instruments,
    @Inject(PG_QUEUE_OPTIONS) private readonly options: ResolvedOptions,
  ) {
    goLastAtBootstrap(modules);
  }

  onModuleInit(): void {
    this.databases.open();
    for (const { metadata, invoke, origin } of this.explorer.explore(this.options.enhancers)) {
      this.registry.register(metadata.kind, invoke, metadata.options, origin);
    }
  }

  async onApplicationBootstrap(): Promise<void> {
    if (this.options.autoStart) {
      await this.processing.start();
    }
    if (this.registry.getAll().length > 0) {
      this.signalsCheck = this.instruments.background(() =>
        setTimeout(() => this.checkSignals(), SIGNALS_CHECK_MS).unref(),
      );
    }
  }

  /** Runs before the hooks of all other modules, so that the services of handlers, and the DataSource, still work. */
  async onModuleDestroy(): Promise<void> {
    clearTimeout(this.signalsCheck);
    try {
      await this.processing.close();
    } catch (error) {
      // Nest does not report errors of this hook.
      const line = 'the queue could not be stopped in order; its tasks are rescued when its lease is over';
      this.logger.error(oneLine(`${line}: ${errorMessage(error)}`), framesOf(error));
    }
    this.databases.close();
  }

  private checkSignals(): void {
    if (process.listenerCount('SIGTERM') === 0) {
      this.logger.warn(
        'nothing listens to SIGTERM: it will end this process at once, and running tasks will use up their attempt; call app.enableShutdownHooks()',
      );
    }
  }
}

/**
 * Nest calls bootstrap hooks by falling distance from the root module and shutdown hooks by rising distance. Below the root's,
 * this provider's module is the last to start and the first to stop, wherever it is imported.
 */
function goLastAtBootstrap(modules: ModulesContainer): void {
  const own = [...modules.values()].filter((module) => module.hasProvider(QueueLifecycle));
  const problem = 'must be imported once by forRoot or forRootAsync: QueueService is global';
  check(own.length <= 1, 'PgQueueModule', `${own.length} times`, problem);
  for (const module of own) {
    module.distance = Number.MIN_SAFE_INTEGER;
  }
}
