import { setTimeout as pause } from 'node:timers/promises';
import type { ExpiryBatch, MaintenanceRepository } from '../storage/maintenance.repository.js';
import { isolateRows } from '../storage/isolate-rows.js';
import type { EventSink } from '../events/queue-events.js';
import type { RefusedTasks } from '../worker/refused-tasks.js';
import type { WorkerPool } from '../worker/run/worker-pool.js';
import type { MaintenanceJob } from './periodic-job.js';

/** Bounded, so that no statement runs long and no transaction holds many locks. */
const BATCH = 5000;
/** The pause after a full batch, as a share of the time that it took: cleaning must not crowd out the queue. */
const REST_SHARE = 0.5;
/** So many tasks of a kind that can't be deleted are kept apart; more are passed over in each run. */
const MOST_KEPT_APART = 500;
const SHORTEST_PAUSE_MS = 250;
const PREFIX = 'janitor:';
const DEFAULT_PERIOD_MS = 3_600_000;

/** The cleanup job: deletes terminal tasks that are older than their kind's TTL. */
export class Janitor implements MaintenanceJob {
  readonly shortestPauseMs = SHORTEST_PAUSE_MS;
  private readonly lastPeriods = new Map<number, number>();

  constructor(
    private readonly repository: MaintenanceRepository,
    private readonly pools: ReadonlyMap<number, WorkerPool>,
    private readonly events: EventSink,
    private readonly refused: RefusedTasks,
  ) {}

  turns(): Map<string, number> {
    return new Map([...this.pools.values()].map((pool) => [`${PREFIX}${pool.kind}`, this.periodOf(pool)]));
  }

  /** Goes on until nothing is left, however far behind it is. */
  async work(turn: string, isStopped: () => boolean): Promise<boolean> {
    const pool = this.pools.get(Number(turn.slice(PREFIX.length)))!;
    const { kind, name } = pool;
    let after: string | null = null;
    let total = 0;
    let count = BATCH;
    while (count === BATCH && !isStopped()) {
      const startedAt = performance.now();
      const ttlMs = valueOf(pool, 'terminalTasksTtlMs');
      // While the option fails nothing is deleted.
      if (ttlMs === null) {
        break;
      }
      const except = this.refused.idsOf('cleanup', kind);
      const batch = await this.expire({ kind, ttlMs, limit: BATCH, after, except });
      // A batch of the same moment that can't be deleted would be found again.
      count = batch.deleted === 0 && batch.newest === after ? 0 : batch.count;
      total += batch.deleted;
      after = batch.newest ?? after;
      if (count === BATCH) {
        await pause((performance.now() - startedAt) * REST_SHARE, undefined, { ref: false });
      }
    }
    this.events.emit({ type: 'tasks-expired', kind, name, count: total });
    // Stopped half-way: another process goes on.
    return !isStopped() || count < BATCH;
  }

  /** Rows that can't be deleted, such as those that the application's own point to, are passed over. */
  private async expire(batch: ExpiryBatch) {
    try {
      const { count, newest } = await this.repository.expire(batch);
      return { count, deleted: count, newest };
    } catch {
      // What fails for all rows fails again.
      const { kind, ttlMs } = batch;
      const { ids, newest } = await this.repository.findExpired(batch);
      const expireSome = (some: readonly number[]) => this.repository.expireSome(kind, ttlMs, some);
      const { results, refused } = await isolateRows(ids, expireSome);
      const room = Math.max(0, MOST_KEPT_APART - batch.except.length);
      for (const { item: id, error } of refused.slice(0, room)) {
        this.refused.refuse({ id, kind }, 'cleanup', error, async () => void (await expireSome([id])));
      }
      return { count: ids.length, deleted: results.reduce((sum, n) => sum + n, 0), newest };
    }
  }

  /** The last good value while the live option fails. */
  private periodOf(pool: WorkerPool): number {
    const { kind } = pool;
    const periodMs = valueOf(pool, 'janitorPeriodMs') ?? this.lastPeriods.get(kind) ?? DEFAULT_PERIOD_MS;
    this.lastPeriods.set(kind, periodMs);
    return periodMs;
  }
}

/** Returns what a live option says now; null while it fails, which is reported. */
function valueOf(pool: WorkerPool, option: 'terminalTasksTtlMs' | 'janitorPeriodMs'): number | null {
  try {
    return pool.options[option]();
  } catch (error) {
    pool.reportInvalid(error);
    return null;
  }
}
