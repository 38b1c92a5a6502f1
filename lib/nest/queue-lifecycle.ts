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
import { Shards } from '../cluster/shards.js';
import { InvalidOptionError } from '../errors/pg-queue.errors.js';
import { errorMessage } from '../errors/error-message.js';
import { framesOf, oneLine } from '../errors/one-line.js';
import { Instruments } from '../events/instrumentation.js';
import { ProcessingLifecycle } from '../cluster/process/processing-lifecycle.js';

/** An application that will heed signals has said so by then. */
const SIGNALS_CHECK_MS = 5000;

/**
 * The queue's part in the life of the application: finds the handlers, starts processing when the application's own providers
 * have bootstrapped, and drains before they are destroyed.
 */
@Injectable()
export class QueueLifecycle implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('PgQueue');
  private signalsCheck: NodeJS.Timeout | undefined;

  constructor(
    modules: ModulesContainer,
    private readonly explorer: TaskHandlerExplorer,
    private readonly registry: TaskHandlerRegistry,
    private readonly shards: Shards,
    private readonly lifecycle: ProcessingLifecycle,
    private readonly instruments: Instruments,
    @Inject(PG_QUEUE_OPTIONS) private readonly options: ResolvedOptions,
  ) {
    goLastAtBootstrap(modules);
  }

  onModuleInit(): void {
    this.shards.open();
    for (const { metadata, invoke, origin } of this.explorer.explore(this.options.enhancers)) {
      this.registry.register(metadata.kind, invoke, metadata.options, origin);
    }
  }

  async onApplicationBootstrap(): Promise<void> {
    if (this.options.autoStart) {
      await this.lifecycle.start();
    }
    if (this.registry.getAll().length > 0) {
      this.signalsCheck = this.instruments.background(() =>
        setTimeout(() => this.checkSignals(), SIGNALS_CHECK_MS).unref(),
      );
    }
  }

  /** The first of all modules: the services that handlers use, and the DataSource, are still there. */
  async onModuleDestroy(): Promise<void> {
    clearTimeout(this.signalsCheck);
    try {
      await this.lifecycle.close();
    } catch (error) {
      // Nest would swallow it.
      const line = 'the queue could not be stopped in order; its tasks are rescued when its lease is over';
      this.logger.error(oneLine(`${line}: ${errorMessage(error)}`), framesOf(error));
    }
    this.shards.close();
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
  if (own.length > 1) {
    throw new InvalidOptionError(
      'PgQueueModule',
      `${own.length} calls`,
      'forRoot or forRootAsync must be called once in an application',
    );
  }
  for (const module of own) {
    module.distance = Number.MIN_SAFE_INTEGER;
  }
}
