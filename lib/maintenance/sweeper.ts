import type { MaintenanceRepository } from '../storage/maintenance.repository.js';
import type { WorkerPool } from '../worker/run/worker-pool.js';
import type { MaintenanceJob } from './periodic-job.js';

const PERIOD_MS = 60_000;
const PREFIX = 'sweep:';

/**
 * The consistency sweep, the safety net under the exact cursor: once a minute one process resets its cursors of a kind, and counts
 * the tasks that it then finds behind them. Anything found means a cancel that was rolled back, foreign SQL, or a bug. Before that,
 * priorities that only foreign SQL can give become ones that claims look at.
 */
export class Sweeper implements MaintenanceJob {
  constructor(
    private readonly repository: MaintenanceRepository,
    private readonly pools: ReadonlyMap<number, WorkerPool>,
    readonly shortestPauseMs: number,
    private readonly sweep: (kind: number) => void,
  ) {}

  turns(): Map<string, number> {
    return new Map([...this.pools.keys()].map((kind) => [`${PREFIX}${kind}`, PERIOD_MS]));
  }

  async work(turn: string): Promise<boolean> {
    const kind = Number(turn.slice(PREFIX.length));
    await this.repository.alignPriorities(kind);
    this.sweep(kind);
    return true;
  }
}
