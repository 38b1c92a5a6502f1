import { hostname } from 'node:os';
import type { RegisteredHandler } from '../../handlers/registered-handler.js';
import { ActivityRecorder } from '../../maintenance/activity-recorder.js';
import { maintenanceJobs } from '../../maintenance/maintenance-jobs.js';
import type { PeriodicJob } from '../../maintenance/periodic-job.js';
import { Rescuer } from '../../maintenance/rescuer.js';
import { VisibilityWatch } from '../../maintenance/visibility-watch.js';
import type { ResolvedOptions } from '../queue.options.js';
import type { QueueDatabase } from '../queue-database.js';
import { ActivityRepository } from '../../storage/activity.repository.js';
import { MaintenanceRepository } from '../../storage/maintenance.repository.js';
import { RescueRepository } from '../../storage/rescue.repository.js';
import type { Instruments } from '../../events/instrumentation.js';
import type { Attempt } from '../../worker/run/attempt.js';
import { within } from '../../timing/timeout.js';
import type { Slots } from '../../worker/slots/slots.js';
import { RefusedTasks } from '../../worker/refused-tasks.js';
import type { StopCallers } from '../../worker/run/stop-callers.js';
import { WorkerPools } from '../../worker/run/worker-pools.js';
import { IdleWatch } from '../../worker/idle-watch.js';
import { silenceMs } from '../../worker/worker-options.js';
import { WorkerProcess } from '../../worker/worker-process.js';
import { VERSION } from '../../version.js';

/** How long maintenance gets to end its work, and to give its turns back. */
const MAINTENANCE_GRACE_MS = 1000;

export interface DatabaseWorkerDeps {
  source: QueueDatabase;
  /** The other databases of the queue. */
  others: readonly QueueDatabase[];
  /** Names this run of processing, in every database. */
  instance: string;
  instruments: Instruments;
  options: ResolvedOptions;
  /** There is nothing to do. It resolves when there is again, or this run has ended. */
  onIdle(): Promise<void>;
}

/** One run of processing in one database: the worker process and the maintenance beside it. */
export class DatabaseWorker {
  private readonly pools = new WorkerPools();
  private readonly process: WorkerProcess;
  private readonly refused: RefusedTasks;
  private readonly recorder: ActivityRecorder;
  private readonly rescues: RescueRepository;
  private readonly rescuer: Rescuer;
  private readonly repository: MaintenanceRepository;
  private readonly maintenance: readonly PeriodicJob[];
  private readonly visibility: VisibilityWatch;
  private readonly idle: IdleWatch | undefined;

  constructor(private readonly deps: DatabaseWorkerDeps) {
    const { source, options } = deps;
    const { pools } = this;
    const { events, sql } = source;
    this.refused = new RefusedTasks({ events, origin: source, pools });
    this.process = this.createProcess();
    const { settle } = this.process.connections;
    this.rescues = new RescueRepository(settle, sql);
    this.rescuer = new Rescuer(this.rescues, pools, events, this.refused, {
      leaseTimeoutMs: options.leaseTimeoutMs,
      // Behind a pooler a session belongs to nobody.
      silenceMs: options.transactionPooling ? null : silenceMs(options),
    });
    this.repository = new MaintenanceRepository(settle, sql);
    const activity = new ActivityRepository(settle, sql);
    this.recorder = new ActivityRecorder(activity, events);
    this.maintenance = maintenanceJobs({
      repository: this.repository,
      activity,
      rescuer: this.rescuer,
      pools,
      events,
      refused: this.refused,
      heartbeatPeriodMs: options.heartbeatPeriodMs,
      sweep: (kind) => this.process.sweep(kind),
    });
    this.visibility = new VisibilityWatch(
      (text, values) => settle.query('visibility', text, values),
      sql.names.schema,
      events,
      options.heartbeatPeriodMs,
    );
    this.idle = options.idlePeriodMs === undefined ? undefined : this.createIdleWatch();
  }

  start(): void {
    this.process.start(this.rescuer);
    this.recorder.start();
    this.visibility.start();
    this.idle?.start();
    this.maintenance.forEach((job) => job.start());
  }

  /** Takes on a kind, in these slots; before the start or while this runs. */
  add(handler: RegisteredHandler, slots: Slots): void {
    this.process.add(handler, slots);
  }

  /** Whether an attempt is one of this run's. */
  runs(attempt: Attempt): boolean {
    return this.process.runs(attempt);
  }

  /** The handler of one of its attempts has called for the stop. */
  onCalled(): void {
    this.process.drain.changed();
  }

  /** Stops in `timeoutMs` and a little more; never rejects. @returns how many attempts did not end in time */
  async stop(timeoutMs: number, callers: StopCallers): Promise<number> {
    const { process, maintenance } = this;
    this.idle?.stop();
    const ended = Promise.allSettled([
      this.endRescue(),
      this.visibility.stop(),
      ...maintenance.map((job) => job.stop()),
    ]);
    const { released, settled } = await process.stop(timeoutMs, callers);
    const recorded = this.recorder.stop();
    // Work that goes on meets a closed connection. A database that took no outcomes takes no statistics either.
    await within(MAINTENANCE_GRACE_MS, settled ? Promise.all([ended, recorded]) : ended);
    await process.connections.close();
    await within(MAINTENANCE_GRACE_MS, ended);
    return released;
  }

  private createProcess(): WorkerProcess {
    const { source, others, instance, instruments, options } = this.deps;
    return new WorkerProcess({
      instance,
      otherDatabases: others.map(({ database }) => database),
      pools: this.pools,
      abandonedTasks: source.abandonedTasks,
      database: source.database,
      sql: source.sql,
      events: source.events,
      origin: source,
      refused: this.refused,
      instruments,
      options: {
        ...options,
        // Each database claims on its own, into the same memory.
        maxPayloadMemory: Math.ceil(options.maxPayloadMemory / (others.length + 1)),
      },
      info: () => ({
        worker: options.workerName,
        host: hostname(),
        pid: globalThis.process.pid,
        version: VERSION,
      }),
    });
  }

  /** Whether there is nothing to do: nothing that this process has, and nothing that is stored. */
  async hasNothing(): Promise<boolean> {
    return this.process.isIdle && (await this.repository.isEmpty()) && this.process.isIdle;
  }

  private createIdleWatch(): IdleWatch {
    const { source, onIdle } = this.deps;
    return new IdleWatch(() => this.hasNothing(), onIdle, source.events);
  }

  private async endRescue(): Promise<void> {
    const left = await this.rescuer.stop();
    if (left.length > 0) {
      await this.rescues.leave(left);
    }
  }
}
