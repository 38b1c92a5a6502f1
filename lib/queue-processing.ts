import { hostname } from 'node:os';
import type { RegisteredHandler } from './handlers/registered-handler.js';
import type { TaskHandlerRegistry } from './handlers/task-handler.registry.js';
import { ActivityRecorder } from './maintenance/activity-recorder.js';
import { Janitor } from './maintenance/janitor.js';
import { PeriodicJob } from './maintenance/periodic-job.js';
import { Rescuer } from './maintenance/rescuer.js';
import { Sweeper } from './maintenance/sweeper.js';
import type { ResolvedOptions } from './pg-queue.options.js';
import type { Shard } from './shard.js';
import { ActivityRepository } from './storage/activity.repository.js';
import { LeaseRepository } from './storage/lease.repository.js';
import { MaintenanceRepository } from './storage/maintenance.repository.js';
import type { Instruments } from './task/instrumentation.js';
import type { KindSlots } from './task/kind-slots.js';
import type { QueueEvents } from './task/queue-events.js';
import { within } from './worker/deadline.js';
import type { Processing } from './worker/task-scheduler.js';
import { silenceMs } from './worker/worker-options.js';
import { WorkerProcess } from './worker/worker-process.js';
import { VERSION } from './version.js';

const ORPHANS = 'orphans';
/** Costs one scan of the table; little but foreign SQL makes orphans. */
const ORPHANS_PERIOD_MS = 600_000;
const ACTIVITY = 'activity';
const ACTIVITY_PERIOD_MS = 3_600_000;
/** How many minutes of kinds are deleted at a time. */
const ACTIVITY_BATCH = 50_000;
/** How long maintenance gets to end what it is at, and to give its turns back. */
const MAINTENANCE_GRACE_MS = 1000;

export interface QueueProcessingDeps {
  shard: Shard;
  registry: TaskHandlerRegistry;
  events: QueueEvents;
  instruments: Instruments;
  options: ResolvedOptions;
}

/** One run of processing: the worker process and the maintenance beside it. Without a handler it does nothing at all. */
export class QueueProcessing implements Processing {
  private process: WorkerProcess | undefined;
  private recorder: ActivityRecorder | undefined;
  private endRescue: (() => Promise<void>) | undefined;
  private maintenance: PeriodicJob[] = [];

  constructor(private readonly deps: QueueProcessingDeps) {}

  start(): void {
    const handlers = this.deps.registry.getAll();
    if (handlers.length > 0) {
      this.process = this.createProcess(handlers);
      this.process.start();
      this.recorder?.start();
      this.maintenance.forEach((job) => job.start());
    }
    const kinds = this.slots().map(({ kind, name, slots }) => ({ kind, name, workerCount: slots }));
    this.deps.events.emit({ type: 'started', kinds });
  }

  /** A handler that was registered while this runs. */
  add(handler: RegisteredHandler): void {
    if (this.process) {
      this.process.add(handler);
    } else {
      this.start();
    }
  }

  slots(): KindSlots[] {
    const pools = [...(this.process?.pools.values() ?? [])];
    return pools.map(({ kind, name, capacity, busy }) => ({ kind, name, slots: capacity, busy }));
  }

  async stop(timeoutMs: number): Promise<void> {
    const { process, maintenance } = this;
    const ended = Promise.allSettled([this.endRescue?.(), ...maintenance.map((job) => job.stop())]);
    const { released, settled } = (await process?.stop(timeoutMs)) ?? { released: 0, settled: true };
    const recorded = Promise.resolve(this.recorder?.stop());
    // What runs on meets a closed connection. A database that took no outcomes will take no statistics either.
    await within(MAINTENANCE_GRACE_MS, settled ? Promise.all([ended, recorded]) : ended);
    await process?.connections.close();
    await within(MAINTENANCE_GRACE_MS, ended);
    this.deps.events.emit({ type: 'stopped', released });
  }

  private createProcess(handlers: readonly RegisteredHandler[]): WorkerProcess {
    const { shard, instruments, options } = this.deps;
    const { events } = shard;
    const process = new WorkerProcess({
      database: shard.database,
      sql: shard.sql,
      events,
      processEvents: this.deps.events,
      instruments,
      options,
      info: () => ({
        worker: options.workerName,
        host: hostname(),
        pid: globalThis.process.pid,
        version: VERSION,
      }),
      onSilentProcesses: (leaseIds) => void rescuer.runOnce(leaseIds),
    });
    const { settle } = process.connections;
    const rescuer = new Rescuer(new LeaseRepository(settle, shard.sql), process.pools, events, {
      leaseTimeoutMs: options.leaseTimeoutMs,
      // Behind a pooler a session belongs to nobody.
      silenceMs: options.transactionPooling ? null : silenceMs(options),
    });
    const repository = new MaintenanceRepository(settle, shard.sql);
    this.endRescue = async () => {
      if (await rescuer.stop()) {
        await repository.returnTurn(ORPHANS);
      }
    };
    const activity = new ActivityRepository(settle, shard.sql);
    this.recorder = new ActivityRecorder(activity, events);
    this.maintenance = [
      new Janitor(repository, process.pools, events),
      new PeriodicJob({
        repository,
        events,
        jobs: () => new Map([[ORPHANS, ORPHANS_PERIOD_MS]]),
        work: () => rescuer.adoptOrphans(),
      }),
      new PeriodicJob({
        repository,
        events,
        jobs: () => new Map([[ACTIVITY, ACTIVITY_PERIOD_MS]]),
        // After a full batch the turn is given back for the rest.
        work: async () => (await activity.expire(ACTIVITY_BATCH)) < ACTIVITY_BATCH,
      }),
      new Sweeper(repository, process.pools, events, (kind) => process.sweep(kind)),
    ];
    handlers.forEach((handler) => process.add(handler));
    return process;
  }
}
