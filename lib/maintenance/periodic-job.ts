import type { MaintenanceRepository } from '../storage/maintenance.repository.js';
import type { EventSink } from '../events/queue-events.js';

/** How often a process asks for its turns, as a share of the shortest period. */
const SHARE = 0.25;
const LONGEST_MS = 15 * 60_000;
/** The first time it asks soon: processes that never live for long must have their turns too. */
const FIRST_MS = 2000;

export interface PeriodicJobDeps {
  /** It asks no more often than once in this. */
  shortestPauseMs: number;
  repository: MaintenanceRepository;
  events: EventSink;
  /** The jobs with their periods in ms, read each time. */
  jobs: () => ReadonlyMap<string, number>;
  /** Does a job whose turn this process has; a failure, or false for a job that is not done, gives the turn back. */
  work: (job: string) => Promise<boolean>;
}

/** Runs each job once per period in the whole cluster, whatever the number of processes. */
export class PeriodicJob {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  private started = false;
  private stopped = false;

  constructor(private readonly deps: PeriodicJobDeps) {}

  start(): void {
    if (!this.started) {
      this.started = true;
      this.schedule(Math.min(FIRST_MS, this.pauseMs));
    }
  }

  /** Ends the timer and waits for what runs. */
  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.running;
  }

  get isStopped(): boolean {
    return this.stopped;
  }

  /** Takes the turns that are due and does them. Never rejects. */
  runOnce(): Promise<void> {
    this.running ??= this.takeTurns().finally(() => {
      this.running = undefined;
    });
    return this.running;
  }

  private async takeTurns(): Promise<void> {
    const { repository, jobs, work, events } = this.deps;
    try {
      for (const job of await repository.takeTurns(jobs())) {
        // One that fails takes none of the others' turns.
        const done = await work(job).catch((error: unknown) => {
          events.emit({ type: 'connection-failed', role: 'maintenance', error });
          return false;
        });
        if (!done) {
          await repository.returnTurn(job);
        }
      }
    } catch (error) {
      events.emit({ type: 'connection-failed', role: 'maintenance', error });
    }
  }

  private get pauseMs(): number {
    const shortest = Math.min(...this.deps.jobs().values());
    return Math.max(this.deps.shortestPauseMs, Math.min(LONGEST_MS, shortest * SHARE));
  }

  private schedule(ms: number): void {
    this.timer = setTimeout(
      () => void this.runOnce().then(() => this.stopped || this.schedule(this.pauseMs)),
      ms * (0.9 + 0.2 * Math.random()),
    );
  }
}
