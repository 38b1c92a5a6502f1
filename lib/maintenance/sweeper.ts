import type { MaintenanceRepository } from '../storage/maintenance.repository.js';
import type { EventSink } from '../events/queue-events.js';
import type { WorkerPool } from '../worker/run/worker-pool.js';
import { PeriodicJob } from './periodic-job.js';

const PERIOD_MS = 60_000;
const PREFIX = 'sweep:';

/**
 * The safety net under the exact cursor: once a minute one process in the cluster starts its cursors anew, and what it then
 * finds behind them is counted. Anything found means a cancel that was rolled back, foreign SQL, or a bug. Before that, priorities
 * that only foreign SQL can give become ones that claims look at.
 */
export class Sweeper extends PeriodicJob {
  constructor(
    repository: MaintenanceRepository,
    pools: ReadonlyMap<number, WorkerPool>,
    events: EventSink,
    shortestPauseMs: number,
    sweep: (kind: number) => void,
  ) {
    super({
      shortestPauseMs,
      repository,
      events,
      jobs: () => new Map([...pools.keys()].map((kind) => [`${PREFIX}${kind}`, PERIOD_MS])),
      work: async (job) => {
        const kind = Number(job.slice(PREFIX.length));
        await repository.alignPriorities(kind);
        sweep(kind);
        return true;
      },
    });
  }
}
