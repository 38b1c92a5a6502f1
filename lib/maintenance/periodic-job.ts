import type { EventSink } from '../events/queue-events.js';
import type { MaintenanceRepository } from '../storage/maintenance.repository.js';
import { BackgroundLoop } from '../timing/background-loop.js';

/** How often a process asks for turns, as a share of the shortest period. */
const SHARE = 0.25;
const LONGEST_MS = 15 * 60_000;
/** A process asks soon after its start for the first time: processes that never live for long must have their turns too. */
const FIRST_MS = 2000;
/** Processes that start together do not ask together. */
const SPREAD = 0.1;

/** Work that is done once per period by one process of all. */
export interface MaintenanceJob {
  /** The process asks for turns no more often than once in this. */
  readonly shortestPauseMs: number;
  /** The turns of the job with their periods in ms, read each time: a job may have one turn for each kind. */
  turns(): ReadonlyMap<string, number>;
  /**
   * Does the work of a turn that this process has taken. A failure, or false for work that is not done, gives the turn back.
   * @param isStopped whether the process stops, so that work which takes long ends early
   */
  work(turn: string, isStopped: () => boolean): Promise<boolean>;
}

/** Does a maintenance job in this process, as often as this process has taken one of its turns. */
export class PeriodicJob {
  private readonly loop = new BackgroundLoop({
    turn: () => this.takeTurns(),
    pauseMs: () => this.pauseMs,
    spread: SPREAD,
  });

  constructor(
    private readonly job: MaintenanceJob,
    private readonly repository: MaintenanceRepository,
    private readonly events: EventSink,
  ) {}

  start(): void {
    this.loop.start(Math.min(FIRST_MS, this.pauseMs));
  }

  /** Waits for the work that runs, which is told to end early. */
  stop(): Promise<void> {
    return this.loop.stop();
  }

  /** Takes the turns that are due and does them. Never rejects. */
  private async takeTurns(): Promise<void> {
    try {
      for (const turn of await this.repository.takeTurns(this.job.turns())) {
        if (!(await this.work(turn))) {
          await this.repository.returnTurn(turn);
        }
      }
    } catch (error) {
      this.report(error);
    }
  }

  /** Whether the work of a turn is done. Never rejects: a turn that fails takes none of the others' turns. */
  private async work(turn: string): Promise<boolean> {
    try {
      return await this.job.work(turn, () => this.loop.isStopped);
    } catch (error) {
      this.report(error);
      return false;
    }
  }

  private report(error: unknown): void {
    this.events.emit({ type: 'connection-failed', role: 'maintenance', error });
  }

  private get pauseMs(): number {
    const shortest = Math.min(...this.job.turns().values());
    return Math.max(this.job.shortestPauseMs, Math.min(LONGEST_MS, shortest * SHARE));
  }
}
