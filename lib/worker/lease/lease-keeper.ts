import type { LeaseRepository, WorkerInfo } from '../../storage/lease.repository.js';
import { BackgroundLoop } from '../../timing/background-loop.js';
import { IDLE_PERIOD_MS } from '../claim/idle-backoff.js';
import type { Settler } from '../settle/settler.js';
import type { WorkerBase } from '../worker-base.js';
import type { AttemptWatch } from './attempt-watch.js';
import { FailureDetector } from './failure-detector.js';
import { SessionTie } from './session-tie.js';
import type { WorkerReporter } from './worker-reporter.js';

export interface LeaseKeeperDeps extends WorkerBase {
  /** On a connection that nothing else uses. */
  heartbeats: LeaseRepository;
  /** For all that may take longer. */
  repository: LeaseRepository;
  /** Describes this process; read when a lease is taken. */
  info: () => WorkerInfo;
  /** Gathers what this process reports of itself with each heartbeat. */
  reporter: WorkerReporter;
  /** Other processes that are silent for so long may be lost. */
  silenceMs: number;
  /** Whether the leases are tied to the heartbeat's session, so that its end shows the end of this process. */
  tiesSession: boolean;
  watch: AttemptWatch;
  settler: Pick<Settler, 'uses'>;
}

/** Rescues the tasks of other processes. */
export interface Rescue {
  /**
   * Rescues once. Never rejects.
   * @param suspects leases whose process may be lost
   * @param ended leases that somebody ended, and had to leave tasks of
   */
  runOnce(suspects: readonly number[], ended?: readonly number[]): Promise<void>;
}

/** A gap between heartbeats of more than this share of the silence after which a process is lost may have been everybody's. */
const OUTAGE_SHARE = 2 / 3;
/** For this share of that silence a heartbeat must have stood still as this process itself saw it. */
const STILL_SHARE = 0.5;

/** A heartbeat may come a little late. */
const MARGIN_MS = 1000;

/**
 * Holds this process's lease: one heartbeat for all that it runs, on a connection that nothing else uses.
 * A lease that was taken away is replaced by a new one, under which the process goes on.
 */
export class LeaseKeeper {
  private readonly releasing = new Set<number>();
  /** How much longer than usual the next heartbeat takes to come. */
  private extraMs = 0;
  /** For how long the last heartbeat counts beyond its time: others see by it that this process has nothing to do. */
  private aheadMs = 0;
  private lastBeatAt = Number.NEGATIVE_INFINITY;
  /** Since when no gap between two heartbeats was long enough for an outage that others had too. */
  private healthySince = 0;
  private readonly failureDetector: FailureDetector;
  private readonly tie: SessionTie | undefined;
  private readonly loop: BackgroundLoop;
  private rescue: Rescue | undefined;

  constructor(private readonly deps: LeaseKeeperDeps) {
    const { heartbeats, held, events, silenceMs, tiesSession, heartbeatPeriodMs } = deps;
    this.failureDetector = new FailureDetector(silenceMs * STILL_SHARE);
    this.tie = tiesSession ? new SessionTie(heartbeats, held, events) : undefined;
    this.loop = new BackgroundLoop({
      turn: () => this.beat(),
      pauseMs: () => heartbeatPeriodMs + this.extraMs,
      longestBackoffMs: heartbeatPeriodMs,
      onError: (error) => this.failed(error),
    });
  }

  /** Whether the last heartbeat came through: what is claimed meanwhile might soon be taken away. */
  get isBeating(): boolean {
    return !this.loop.isFailing;
  }

  /** @param rescue sees to processes that are silent while this one was healthy for long enough to judge, and to leases that ended */
  start(rescue: Rescue): void {
    this.rescue = rescue;
    this.loop.wake();
  }

  /** Reads the leases and the pauses at once: something about them has changed. */
  beatNow(): void {
    this.loop.wake();
  }

  /** There is something to do again: a crash must be noticed as soon as ever. */
  wakeUp(): void {
    if (this.aheadMs > 0) {
      this.loop.wake();
    }
  }

  /** The heartbeat has a new connection. */
  reconnected(): void {
    this.tie?.reconnected();
  }

  /** Ends the heartbeat. @returns the leases that are held still. */
  async stop(): Promise<readonly number[]> {
    await this.loop.stop();
    return this.deps.held.all;
  }

  /** Ends leases under which nothing runs and nothing waits to be written. @param inDoubt whether they may hold what nobody knows of */
  async end(leaseIds: readonly number[], inDoubt: boolean): Promise<void> {
    const { repository, held } = this.deps;
    for (const leaseId of leaseIds) {
      // What could not be released is left to the rescue of another process.
      await (inDoubt || held.older.has(leaseId) ? repository.release(leaseId) : repository.end([leaseId]));
    }
  }

  private failed(error: unknown): void {
    if (!this.loop.isStopped) {
      this.deps.states.failed('heartbeat', error);
    }
  }

  private async beat(): Promise<void> {
    const { heartbeats, heartbeatPeriodMs, held, idle, silenceMs, reporter, paused, watch, states } =
      this.deps;
    const report = reporter.report();
    // A gap of now counts as long as it was announced.
    const allowedMs = this.extraMs;
    this.extraMs = idle.isDue ? Math.max(0, IDLE_PERIOD_MS - heartbeatPeriodMs) : 0;
    this.aheadMs = idle.isIdle ? heartbeatPeriodMs + this.extraMs + MARGIN_MS : 0;
    // A lease that is being released is locked for as long as that takes.
    const beaten = held.all.filter((leaseId) => !this.releasing.has(leaseId));
    const beat = await heartbeats.heartbeat(beaten, held.current, silenceMs, report, this.aheadMs);
    const { alive, late, ended, session } = beat;
    idle.othersAreIdle = beat.othersAreIdle;
    // Pauses are known before there is a lease to claim under.
    paused.update(beat.paused);
    for (const leaseId of beaten) {
      if (!alive.has(leaseId) && !this.releasing.has(leaseId)) {
        held.remove(leaseId);
        watch.leaseLost(leaseId);
      }
    }
    if (held.current === null && !this.loop.isStopped) {
      await this.acquire(report);
    }
    if (await this.tie?.tie(session)) {
      this.loop.wake();
    }
    const suspects = this.failureDetector.suspects(late, performance.now());
    if (this.isFitToJudge(allowedMs) && suspects.length > 0) {
      void this.rescue?.runOnce(suspects);
    }
    if (ended.length > 0) {
      void this.rescue?.runOnce([], ended);
    }
    void this.releaseRetired();
    watch.onBeat(idle.isListening);
    states.worked('heartbeat');
  }

  private async acquire(report: ReturnType<WorkerReporter['report']>): Promise<void> {
    const { heartbeats, held, info, events, claims } = this.deps;
    const leaseId = await heartbeats.acquire(info(), report);
    held.acquire(leaseId);
    this.tie?.acquired();
    events.emit({ type: 'lease-acquired', leaseId });
    claims.tasksArrived();
  }

  /** After an outage every heartbeat is old: a process that was cut off itself waits until the others had their chance. */
  private isFitToJudge(allowedMs: number): boolean {
    const now = performance.now();
    const { silenceMs } = this.deps;
    if (now - this.lastBeatAt > silenceMs * OUTAGE_SHARE + allowedMs) {
      this.healthySince = now;
    }
    this.lastBeatAt = now;
    return now - this.healthySince >= silenceMs;
  }

  /** Releases older leases beside the heartbeat: that may have to read the whole table. */
  private async releaseRetired(): Promise<void> {
    const { held, repository, events } = this.deps;
    for (const leaseId of held.older) {
      if (!this.isUsed(leaseId) && !this.releasing.has(leaseId)) {
        this.releasing.add(leaseId);
        try {
          if (await repository.release(leaseId)) {
            held.remove(leaseId);
          }
        } catch (error) {
          events.emit({ type: 'connection-failed', role: 'maintenance', error });
        } finally {
          this.releasing.delete(leaseId);
        }
      }
    }
  }

  /** Whether attempts of a lease still run or wait to be written. */
  private isUsed(leaseId: number): boolean {
    return this.deps.settler.uses(leaseId) || this.deps.watch.uses(leaseId);
  }
}
