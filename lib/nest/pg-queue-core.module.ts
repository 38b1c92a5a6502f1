import { Global, Module } from '@nestjs/common';
import { DiscoveryModule, ModuleRef } from '@nestjs/core';
import { ClusterSnapshots } from '../cluster/admin/cluster-snapshots.js';
import { QueueAdmin } from '../cluster/admin/queue-admin.js';
import { ProcessingLifecycle } from '../cluster/process/processing-lifecycle.js';
import { QueueWorker, type QueueWorkerDeps } from '../cluster/process/queue-worker.js';
import { QueueChanges } from '../cluster/push/queue-changes.js';
import { QueuePusher } from '../cluster/push/queue-pusher.js';
import { QueueDatabases } from '../cluster/queue-databases.js';
import { createDatabases } from '../cluster/queue-databases.factory.js';
import { PG_QUEUE_OPTIONS, resolveOptions, type ResolvedOptions } from '../cluster/queue.options.js';
import { Instruments } from '../events/instrumentation.js';
import { QueueEvents } from '../events/queue-events.js';
import { TaskHandlerExplorer } from '../handlers/task-handler.explorer.js';
import { TaskHandlerInvoker } from '../handlers/task-handler.invoker.js';
import { TaskHandlerRegistry } from '../handlers/task-handler.registry.js';
import { dataSourceFinder } from './data-source-finder.js';
import { PgQueueHealthIndicator } from './health/pg-queue.health.js';
import { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } from './pg-queue.module-definition.js';
import { QueueLogger } from './queue-logger.js';
import { QueueService } from './queue.service.js';

/** The parts of the queue that are injected by their classes, one of each in an application. */
const PARTS = {
  events: QueueEvents,
  instruments: Instruments,
  registry: TaskHandlerRegistry,
  databases: QueueDatabases,
  lifecycle: ProcessingLifecycle,
  service: QueueService,
  admin: QueueAdmin,
  snapshots: ClusterSnapshots,
};
type Parts = { readonly [Name in keyof typeof PARTS]: InstanceType<(typeof PARTS)[Name]> };

/** Injects all parts together, as they are made. */
const QUEUE_PARTS = Symbol('QUEUE_PARTS');

const PART_PROVIDERS = (Object.keys(PARTS) as (keyof Parts)[]).map((name) => ({
  provide: PARTS[name],
  inject: [QUEUE_PARTS],
  useFactory: (parts: Parts) => parts[name],
}));

/** The providers of the queue. */
@Global()
@Module({
  imports: [DiscoveryModule],
  providers: [
    { provide: PG_QUEUE_OPTIONS, inject: [MODULE_OPTIONS_TOKEN], useFactory: resolveOptions },
    { provide: QUEUE_PARTS, inject: [PG_QUEUE_OPTIONS, ModuleRef], useFactory: createParts },
    ...PART_PROVIDERS,
    TaskHandlerInvoker,
    TaskHandlerExplorer,
    PgQueueHealthIndicator,
  ],
  exports: [...PART_PROVIDERS, TaskHandlerExplorer, PgQueueHealthIndicator, PG_QUEUE_OPTIONS],
})
export class PgQueueCoreModule extends ConfigurableModuleClass {}

async function createParts(options: ResolvedOptions, moduleRef: ModuleRef): Promise<Parts> {
  const { statementTimeoutMs, transactionPooling, readFrom, maxPayloadBytes } = options;
  const events = new QueueEvents();
  const instruments = new Instruments(events);
  const registry = new TaskHandlerRegistry(options.kinds, options.codec);
  const databases = await createDatabases(options, events, instruments, dataSourceFinder(moduleRef));
  const { all, draining, areNamed } = databases;
  events.subscribe(new QueueLogger(areNamed).onEvent);
  registry.observe(({ options: { kind, name } }) => events.emit({ type: 'kind-registered', kind, name }));
  const lifecycle = createLifecycle({ databases: all, registry, events, instruments, options });
  const ambientTransaction = () => options.transactionManager?.();
  const pusher = new QueuePusher({ databases, registry, instruments, maxPayloadBytes, ambientTransaction });
  const changes = new QueueChanges({ databases, registry, ambientTransaction });
  const nameOf = (kind: number) => registry.knownNameOf(kind);
  const admin = new QueueAdmin({
    databases: all,
    draining,
    statementTimeoutMs,
    readFrom,
    events,
    via: 'admin',
    nameOf,
    codecOf: (kind) => registry.codecOf(kind),
    background: (work) => instruments.background(work),
  });
  const service = new QueueService(pusher, changes, registry, lifecycle, events);
  const snapshots = new ClusterSnapshots(all, { statementTimeoutMs, transactionPooling, nameOf });
  return { events, instruments, registry, databases, lifecycle, service, admin, snapshots };
}

function createLifecycle(deps: QueueWorkerDeps): ProcessingLifecycle {
  const { events, instruments, registry, options } = deps;
  let processing: QueueWorker | undefined;
  const create = async (isWanted: () => boolean) => {
    const prepared = new QueueWorker(deps);
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
