import { Global, Module } from '@nestjs/common';
import { DiscoveryModule, ModuleRef } from '@nestjs/core';
import { ClusterSnapshots } from './admin/cluster-snapshots.js';
import { QueueAdmin } from './admin/queue-admin.js';
import { TaskHandlerExplorer } from './handlers/task-handler.explorer.js';
import { TaskHandlerInvoker } from './handlers/task-handler.invoker.js';
import { TaskHandlerRegistry } from './handlers/task-handler.registry.js';
import { PgQueueHealthIndicator } from './health/pg-queue.health.js';
import { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } from './pg-queue.module-definition.js';
import { PG_QUEUE_OPTIONS, resolveOptions, type ResolvedOptions } from './pg-queue.options.js';
import { TaskDrafter } from './producer/task-drafter.js';
import { QueueDatabase } from './queue-database.js';
import { QueueLogger } from './queue-logger.js';
import { QueueProcessing } from './queue-processing.js';
import { QueueService } from './queue.service.js';
import type { Database } from './storage/database.js';
import { PgDatabase } from './storage/pg-database.js';
import { Instruments } from './task/instrumentation.js';
import { QueueEvents } from './task/queue-events.js';
import { InvalidOptionError } from './task/task.errors.js';
import { TaskScheduler } from './worker/task-scheduler.js';

/** What the whole application shares: pushing needs nothing else. */
@Global()
@Module({
  imports: [DiscoveryModule],
  providers: [
    { provide: PG_QUEUE_OPTIONS, inject: [MODULE_OPTIONS_TOKEN], useFactory: resolveOptions },
    { provide: QueueEvents, useFactory: createEvents },
    { provide: Instruments, inject: [QueueEvents], useFactory: createInstruments },
    { provide: TaskHandlerRegistry, inject: [PG_QUEUE_OPTIONS, QueueEvents], useFactory: createRegistry },
    { provide: QueueDatabase, inject: [PG_QUEUE_OPTIONS, ModuleRef], useFactory: createDatabase },
    {
      provide: TaskScheduler,
      inject: [QueueDatabase, TaskHandlerRegistry, QueueEvents, Instruments, PG_QUEUE_OPTIONS],
      useFactory: createScheduler,
    },
    {
      provide: QueueService,
      inject: [QueueDatabase, TaskHandlerRegistry, TaskScheduler, QueueEvents, Instruments, PG_QUEUE_OPTIONS],
      useFactory: createService,
    },
    {
      provide: QueueAdmin,
      inject: [QueueDatabase, TaskHandlerRegistry, QueueEvents, PG_QUEUE_OPTIONS],
      useFactory: createAdmin,
    },
    {
      provide: ClusterSnapshots,
      inject: [QueueDatabase, TaskHandlerRegistry, PG_QUEUE_OPTIONS],
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
    QueueDatabase,
    QueueEvents,
    Instruments,
    TaskScheduler,
    TaskHandlerRegistry,
    TaskHandlerExplorer,
    PgQueueHealthIndicator,
    PG_QUEUE_OPTIONS,
  ],
})
export class PgQueueCoreModule extends ConfigurableModuleClass {}

function createEvents(): QueueEvents {
  const events = new QueueEvents();
  events.subscribe(new QueueLogger().onEvent);
  return events;
}

function createInstruments(events: QueueEvents): Instruments {
  return new Instruments(events);
}

function createRegistry(options: ResolvedOptions, events: QueueEvents): TaskHandlerRegistry {
  const registry = new TaskHandlerRegistry(options.kinds);
  registry.observe(({ options: { kind, name } }) => events.emit({ type: 'kind-registered', kind, name }));
  return registry;
}

async function createDatabase(options: ResolvedOptions, moduleRef: ModuleRef): Promise<QueueDatabase> {
  const { pool, dataSource, schema } = options;
  const prepares = !options.transactionPooling;
  const find = pool
    ? () => new PgDatabase(pool, prepares)
    : await typeOrmFinder(moduleRef, dataSource, prepares);
  return new QueueDatabase(find, schema);
}

function createScheduler(
  database: QueueDatabase,
  registry: TaskHandlerRegistry,
  events: QueueEvents,
  instruments: Instruments,
  options: ResolvedOptions,
): TaskScheduler {
  let processing: QueueProcessing | undefined;
  const scheduler = new TaskScheduler(async () => {
    await database.check().catch((error: unknown) => {
      events.emit({ type: 'start-failed', error });
      throw error;
    });
    processing = new QueueProcessing({ database, registry, events, instruments, options });
    return processing;
  }, options.shutdownTimeoutMs);
  registry.observe((handler) => {
    if (scheduler.isRunning) {
      processing?.add(handler);
    }
  });
  return scheduler;
}

function createService(
  database: QueueDatabase,
  registry: TaskHandlerRegistry,
  scheduler: TaskScheduler,
  events: QueueEvents,
  instruments: Instruments,
  options: ResolvedOptions,
): QueueService {
  const drafter = new TaskDrafter(registry, options.maxPayloadBytes);
  return new QueueService(database, registry, drafter, scheduler, events, instruments, () =>
    options.transactionManager?.(),
  );
}

function createAdmin(
  database: QueueDatabase,
  registry: TaskHandlerRegistry,
  events: QueueEvents,
  { statementTimeoutMs }: ResolvedOptions,
): QueueAdmin {
  return new QueueAdmin({
    database: () => database.database,
    sql: () => database.sql,
    statementTimeoutMs,
    nameOf: (kind) => registry.knownNameOf(kind),
    events,
  });
}

function createSnapshots(
  database: QueueDatabase,
  registry: TaskHandlerRegistry,
  { statementTimeoutMs, transactionPooling }: ResolvedOptions,
): ClusterSnapshots {
  return new ClusterSnapshots({
    database: () => database.database,
    sql: () => database.sql,
    statementTimeoutMs,
    transactionPooling,
    nameOf: (kind) => registry.knownNameOf(kind),
  });
}

/** Loaded only where it is used: an application may have no TypeORM. */
async function typeOrmFinder(moduleRef: ModuleRef, name: string, prepares: boolean): Promise<() => Database> {
  const [{ getDataSourceToken }, { TypeOrmDatabase }] = await Promise.all([
    import('@nestjs/typeorm').catch(refuseWithoutTypeOrm),
    import('./storage/typeorm-database.js'),
  ]);
  return () => {
    let dataSource;
    try {
      dataSource = moduleRef.get(getDataSourceToken(name), { strict: false });
    } catch {
      throw new InvalidOptionError(
        'dataSource',
        name,
        'must be the name of a DataSource of TypeOrmModule.forRoot',
      );
    }
    return new TypeOrmDatabase(dataSource as never, prepares);
  };
}

/** The packages as `import` and as `require` say that they are missing. */
const MISSING = new Set<unknown>(['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND']);

function refuseWithoutTypeOrm(error: unknown): never {
  if (!MISSING.has((error as { code?: unknown }).code)) {
    throw error;
  }
  throw new InvalidOptionError(
    'pool',
    undefined,
    'must be a Pool of pg where @nestjs/typeorm and typeorm are not installed',
  );
}
