import { Global, Module } from '@nestjs/common';
import { DiscoveryModule, ModuleRef } from '@nestjs/core';
import { ClusterSnapshots } from '../cluster/admin/cluster-snapshots.js';
import { QueueAdmin } from '../cluster/admin/queue-admin.js';
import { TaskHandlerExplorer } from '../handlers/task-handler.explorer.js';
import { TaskHandlerInvoker } from '../handlers/task-handler.invoker.js';
import { TaskHandlerRegistry } from '../handlers/task-handler.registry.js';
import { PgQueueHealthIndicator } from './health/pg-queue.health.js';
import { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } from './pg-queue.module-definition.js';
import { PG_QUEUE_OPTIONS, resolveOptions, type ResolvedOptions } from '../cluster/queue.options.js';
import { QueueLogger } from './queue-logger.js';
import { QueueWorker } from '../cluster/process/queue-worker.js';
import { QueueChanges } from '../cluster/push/queue-changes.js';
import { QueuePusher } from '../cluster/push/queue-pusher.js';
import { QueueService } from './queue.service.js';
import { dataSourceFinder } from './data-source-finder.js';
import { Shards } from '../cluster/shards.js';
import { createShards } from '../cluster/shards.factory.js';
import { Instruments } from '../events/instrumentation.js';
import { QueueEvents } from '../events/queue-events.js';
import { ProcessingLifecycle } from '../cluster/process/processing-lifecycle.js';

/** The providers of the queue, one of each in an application. */
@Global()
@Module({
  imports: [DiscoveryModule],
  providers: [
    { provide: PG_QUEUE_OPTIONS, inject: [MODULE_OPTIONS_TOKEN], useFactory: resolveOptions },
    { provide: QueueEvents, inject: [PG_QUEUE_OPTIONS], useFactory: createEvents },
    { provide: Instruments, inject: [QueueEvents], useFactory: createInstruments },
    { provide: TaskHandlerRegistry, inject: [PG_QUEUE_OPTIONS, QueueEvents], useFactory: createRegistry },
    {
      provide: Shards,
      inject: [PG_QUEUE_OPTIONS, QueueEvents, Instruments, ModuleRef],
      useFactory: findShards,
    },
    {
      provide: ProcessingLifecycle,
      inject: [Shards, TaskHandlerRegistry, QueueEvents, Instruments, PG_QUEUE_OPTIONS],
      useFactory: createLifecycle,
    },
    {
      provide: QueueService,
      inject: [Shards, TaskHandlerRegistry, ProcessingLifecycle, QueueEvents, Instruments, PG_QUEUE_OPTIONS],
      useFactory: createService,
    },
    {
      provide: QueueAdmin,
      inject: [Shards, TaskHandlerRegistry, QueueEvents, Instruments, PG_QUEUE_OPTIONS],
      useFactory: createAdmin,
    },
    {
      provide: ClusterSnapshots,
      inject: [Shards, TaskHandlerRegistry, PG_QUEUE_OPTIONS],
      useFactory: createSnapshots,
    },
    TaskHandlerInvoker,
    TaskHandlerExplorer,
    PgQueueHealthIndicator,
  ],
  exports: [
    QueueService,
    QueueAdmin,
    ClusterSnapshots,
    Shards,
    QueueEvents,
    Instruments,
    ProcessingLifecycle,
    TaskHandlerRegistry,
    TaskHandlerExplorer,
    PgQueueHealthIndicator,
    PG_QUEUE_OPTIONS,
  ],
})
export class PgQueueCoreModule extends ConfigurableModuleClass {}

function createEvents({ shards }: ResolvedOptions): QueueEvents {
  const events = new QueueEvents();
  events.subscribe(new QueueLogger(shards !== undefined).onEvent);
  return events;
}

function createInstruments(events: QueueEvents): Instruments {
  return new Instruments(events);
}

function findShards(
  options: ResolvedOptions,
  events: QueueEvents,
  instruments: Instruments,
  moduleRef: ModuleRef,
): Promise<Shards> {
  return createShards(options, events, instruments, dataSourceFinder(moduleRef));
}

function createRegistry(options: ResolvedOptions, events: QueueEvents): TaskHandlerRegistry {
  const registry = new TaskHandlerRegistry(options.kinds, options.codec);
  registry.observe(({ options: { kind, name } }) => events.emit({ type: 'kind-registered', kind, name }));
  return registry;
}

function createLifecycle(
  shards: Shards,
  registry: TaskHandlerRegistry,
  events: QueueEvents,
  instruments: Instruments,
  options: ResolvedOptions,
): ProcessingLifecycle {
  let processing: QueueWorker | undefined;
  const create = async (isWanted: () => boolean) => {
    const prepared = new QueueWorker({ shards: shards.all, registry, events, instruments, options });
    await prepared.prepare(isWanted).catch((error: unknown) => {
      events.emit({ type: 'start-failed', error });
      throw error;
    });
    processing = prepared;
    return prepared;
  };
  const lifecycle = new ProcessingLifecycle(create, options.shutdownTimeoutMs, (work) =>
    instruments.background(work),
  );
  registry.observe((handler) => {
    if (lifecycle.isRunning) {
      instruments.background(() => processing?.add(handler));
    }
  });
  return lifecycle;
}

function createService(
  shards: Shards,
  registry: TaskHandlerRegistry,
  lifecycle: ProcessingLifecycle,
  events: QueueEvents,
  instruments: Instruments,
  options: ResolvedOptions,
): QueueService {
  const ambientTransaction = () => options.transactionManager?.();
  const { maxPayloadBytes } = options;
  const pusher = new QueuePusher({ shards, registry, instruments, maxPayloadBytes, ambientTransaction });
  const changes = new QueueChanges({ shards, registry, ambientTransaction });
  return new QueueService(pusher, changes, registry, lifecycle, events);
}

function createAdmin(
  shards: Shards,
  registry: TaskHandlerRegistry,
  events: QueueEvents,
  instruments: Instruments,
  { statementTimeoutMs, readFrom, shards: spread }: ResolvedOptions,
): QueueAdmin {
  return new QueueAdmin({
    shards: shards.all,
    draining: new Set(spread?.draining),
    statementTimeoutMs,
    readFrom,
    events,
    via: 'admin',
    nameOf: (kind) => registry.knownNameOf(kind),
    codecOf: (kind) => registry.codecOf(kind),
    background: (work) => instruments.background(work),
  });
}

function createSnapshots(
  shards: Shards,
  registry: TaskHandlerRegistry,
  { statementTimeoutMs, transactionPooling }: ResolvedOptions,
): ClusterSnapshots {
  const nameOf = (kind: number) => registry.knownNameOf(kind);
  return new ClusterSnapshots(shards.all, { statementTimeoutMs, transactionPooling, nameOf });
}
