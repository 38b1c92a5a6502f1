import { setTimeout as pause } from 'node:timers/promises';
import type { MaintenanceRepository } from '../storage/maintenance.repository.js';
import type { ShardEventSink } from '../task/queue-events.js';
import type { WorkerPool } from '../worker/worker-pool.js';
import { PeriodicJob } from './periodic-job.js';

/** Bounded, so that no statement runs long and no transaction holds many locks. */
const BATCH = 5000;
/** The pause after a full batch, as a share of the time that it took: cleaning must not crowd out the queue. */
const REST_SHARE = 0.5;
const PREFIX = 'janitor:';
const DEFAULT_PERIOD_MS = 3_600_000;

/** Deletes terminal tasks that are older than their kind's TTL, each kind once per period in the whole cluster. */
export class Janitor extends PeriodicJob {
  private readonly lastPeriods = new Map<number, number>();

  constructor(
    private readonly repository: MaintenanceRepository,
    private readonly pools: ReadonlyMap<number, WorkerPool>,
    private readonly events: ShardEventSink,
    heartbeatPeriodMs: number,
  ) {
    super({
      heartbeatPeriodMs,
      repository,
      events,
      jobs: () => new Map([...pools.values()].map((pool) => [`${PREFIX}${pool.kind}`, this.periodOf(pool)])),
      work: (job) => this.clean(this.pools.get(Number(job.slice(PREFIX.length)))!),
    });
  }

  /** Goes on until nothing is left, however far behind it is. */
  private async clean(pool: WorkerPool): Promise<boolean> {
    const { kind, name } = pool;
    let after: string | null = null;
    let total = 0;
    let count = BATCH;
    while (count === BATCH && !this.isStopped) {
      const startedAt = performance.now();
      const ttlMs = ttlOf(pool);
      if (ttlMs === null) {
        break;
      }
      const batch = await this.repository.expire(kind, ttlMs, BATCH, after);
      count = batch.count;
      total += count;
      after = batch.newest ?? after;
      if (count === BATCH) {
        await pause((performance.now() - startedAt) * REST_SHARE, undefined, { ref: false });
      }
    }
    this.events.emit({ type: 'tasks-expired', kind, name, count: total });
    // Stopped half-way: another process goes on.
    return !this.isStopped || count < BATCH;
  }

  /** The last good value while the live option fails. */
  private periodOf(pool: WorkerPool): number {
    try {
      this.lastPeriods.set(pool.kind, pool.options.janitorPeriodMs());
    } catch (error) {
      pool.reportInvalid(error);
    }
    return this.lastPeriods.get(pool.kind) ?? DEFAULT_PERIOD_MS;
  }
}

/** Null while the live option fails: then nothing is deleted. */
function ttlOf(pool: WorkerPool): number | null {
  try {
    return pool.options.terminalTasksTtlMs();
  } catch (error) {
    pool.reportInvalid(error);
    return null;
  }
}
