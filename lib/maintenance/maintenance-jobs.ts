import type { EventSink } from '../events/queue-events.js';
import type { ActivityRepository } from '../storage/activity.repository.js';
import type { MaintenanceRepository } from '../storage/maintenance.repository.js';
import type { RefusedTasks } from '../worker/refused-tasks.js';
import type { WorkerPools } from '../worker/run/worker-pools.js';
import { Janitor } from './janitor.js';
import { type MaintenanceJob, PeriodicJob } from './periodic-job.js';
import type { Rescuer } from './rescuer.js';
import { Sweeper } from './sweeper.js';

/** Looking for orphans costs one scan of the table, and little but foreign SQL makes any. */
const ORPHANS_PERIOD_MS = 600_000;
const ACTIVITY_PERIOD_MS = 3_600_000;
/** How many rows of the activity are deleted at a time, a row for each minute of each kind. */
const ACTIVITY_BATCH = 50_000;

/** A process asks for turns no more often than this share of its heartbeat period, unless a kind has an option for it. */
const HEARTBEAT_SHARE = 0.25;

export interface MaintenanceDeps {
  repository: MaintenanceRepository;
  activity: ActivityRepository;
  rescuer: Rescuer;
  pools: WorkerPools;
  events: EventSink;
  refused: RefusedTasks;
  heartbeatPeriodMs: number;
  /** Resets this process's cursors of a kind. */
  sweep(kind: number): void;
}

/**
 * The jobs of one database. Each turn of a job is taken by one process of all, once per period; the registry table has the turns by
 * their names, so that a name must not change its meaning.
 *
 * | turn             | period                 | why                                                                            |
 * | ---------------- | ---------------------- | ------------------------------------------------------------------------------ |
 * | `janitor:<kind>` | `janitorPeriod`        | deletes the tasks of a kind that have ended longer than `terminalTasksTtl` ago |
 * | `orphans`        | 10 minutes             | rescues tasks whose lease does not exist: the safety net under the rescue      |
 * | `activity`       | 1 hour                 | deletes the minutes of statistics that are not shown any more                  |
 * | `sweep:<kind>`   | 1 minute               | finds tasks that lie behind the cursors: the safety net under the claims       |
 */
export function maintenanceJobs(deps: MaintenanceDeps): PeriodicJob[] {
  const { repository, activity, rescuer, pools, events, refused, sweep } = deps;
  const shortestPauseMs = deps.heartbeatPeriodMs * HEARTBEAT_SHARE;
  const ofOneTurn = (turn: string, periodMs: number, work: () => Promise<boolean>): MaintenanceJob => {
    const turns = new Map([[turn, periodMs]]);
    return { shortestPauseMs, turns: () => turns, work };
  };
  // After a full batch the turn is given back for the rest.
  const expire = async () => (await activity.expire(ACTIVITY_BATCH)) < ACTIVITY_BATCH;
  const jobs: MaintenanceJob[] = [
    new Janitor(repository, pools, events, refused),
    ofOneTurn('orphans', ORPHANS_PERIOD_MS, () => rescuer.adoptOrphans()),
    ofOneTurn('activity', ACTIVITY_PERIOD_MS, expire),
    new Sweeper(repository, pools, shortestPauseMs, sweep),
  ];
  return jobs.map((job) => new PeriodicJob(job, repository, events));
}
