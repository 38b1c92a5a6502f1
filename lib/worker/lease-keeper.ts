import type { LeaseRepository, WorkerInfo } from '../storage/lease.repository.js';
import type { ShardEventSink } from '../task/queue-events.js';
import type { WorkerReport } from '../task/worker-report.js';
import type { ConnectionStates } from './connection-states.js';
import { retryDelay } from './retry-delay.js';
import { SilenceWatch } from './silence-watch.js';
import { WakeSignal } from './wake-signal.js';

export interface LeaseKeeperDeps {
  /** On a connection that nothing else uses. */
  heartbeats: LeaseRepository;
  /** For all that may take longer. */
  repository: LeaseRepository;
  info: () => WorkerInfo;
  /** What this process tells of itself with each heartbeat. */
  report: () => WorkerReport;
  events: ShardEventSink;
  states: ConnectionStates;
  heartbeatPeriodMs: number;
  /** Others that are silent for so long may be dead. */
  silenceMs: number;
  /** Tie the leases to the heartbeat's session, so that its end tells of this process's. */
  tiesSession: boolean;
  /** The kinds that are paused in the whole cluster. */
  onPaused(kinds: readonly number[]): void;
  /** A lease was taken away: its attempts are somebody else's now. */
  onLost(leaseId: number): void;
  /** There is a lease to claim under. */
  onAcquired(): void;
  /** Other processes are silent, and this one was healthy for long enough to judge. */
  onSilent(leaseIds: readonly number[]): void;
  /** After each heartbeat that succeeded. */
  onBeat(): void;
  /** Whether attempts of a lease still run or wait to be written. */
  isUsed(leaseId: number): boolean;
}

/** A gap between heartbeats of more than this share of the silence that tells of death may have been everybody's. */
const OUTAGE_SHARE = 2 / 3;
/** For this share of that silence a heartbeat must have stood still before this process's own eyes. */
const STILL_SHARE = 0.5;

/**
 * Holds this process's lease: one heartbeat for all that it runs, on a connection that nothing else uses.
 * A lease that was taken away is replaced by a new one, under which the process goes on.
 */
export class LeaseKeeper {
  private lease: number | null = null;
  /** Older leases, kept alive until their last attempt is settled. */
  private readonly retiring = new Set<number>();
  private readonly releasing = new Set<number>();
  private readonly signal = new WakeSignal();
  private failures = 0;
  private lastBeatAt = Number.NEGATIVE_INFINITY;
  /** Since when no gap between two heartbeats was long enough for an outage that others had too. */
  private healthySince = 0;
  private tied = false;
  private stopped = false;
  private loop: Promise<void> | undefined;

  private readonly silence: SilenceWatch;

  constructor(private readonly deps: LeaseKeeperDeps) {
    this.silence = new SilenceWatch(deps.silenceMs * STILL_SHARE);
  }

  /** What new claims are made under; null while there is none. */
  get current(): number | null {
    return this.lease;
  }

  /** Whether the last heartbeat came through: what is claimed meanwhile might soon be taken away. */
  get isBeating(): boolean {
    return this.failures === 0;
  }

  holds(leaseId: number): boolean {
    return leaseId === this.lease || this.retiring.has(leaseId);
  }

  start(): void {
    this.loop ??= this.run();
  }

  /**
   * The outcome of a claim is unknown: it may have leased tasks that never reached this process. New claims get a new
   * lease; the old one is given back when its known attempts are settled, and the unknown ones with it.
   */
  retire(): void {
    if (this.lease !== null) {
      this.retiring.add(this.lease);
      this.lease = null;
      this.signal.wake();
    }
  }

  /** Looks at the leases and the pauses at once: something about them has changed. */
  beatNow(): void {
    this.signal.wake();
  }

  /** Ends the heartbeat. @returns the leases that are held still. */
  async stop(): Promise<number[]> {
    this.stopped = true;
    this.signal.wake();
    await this.loop;
    return [...this.leases()];
  }

  /** Ends leases under which nothing runs and nothing waits to be written. */
  async end(held: readonly number[]): Promise<void> {
    const { repository } = this.deps;
    for (const leaseId of held) {
      // What could not be released is left to the rescue of another process.
      await (this.retiring.has(leaseId) ? repository.release(leaseId) : repository.end([leaseId]));
    }
  }

  private leases(): Set<number> {
    return this.lease === null ? this.retiring : new Set([this.lease, ...this.retiring]);
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      try {
        await this.beat();
        this.failures = 0;
        this.deps.states.worked('heartbeat');
      } catch (error) {
        this.failures++;
        if (!this.stopped) {
          this.deps.states.failed('heartbeat', error);
        }
      }
      const { heartbeatPeriodMs } = this.deps;
      if (this.failures > 0) {
        await this.signal.pause(Math.min(heartbeatPeriodMs, retryDelay(this.failures)), () => this.stopped);
      } else {
        await this.signal.wait(heartbeatPeriodMs);
      }
    }
  }

  /** The heartbeat has a new connection: the old one's locks are gone, or will be. */
  reconnected(): void {
    this.tied = false;
  }

  private async beat(): Promise<void> {
    const { heartbeats, silenceMs, info, events, onPaused, onAcquired, onSilent, onBeat } = this.deps;
    const report = this.deps.report();
    // One that is being released is locked for as long as that takes.
    const held = [...this.leases()].filter((leaseId) => !this.releasing.has(leaseId));
    const { alive, late, paused } = await heartbeats.heartbeat(held, silenceMs, report);
    // Before there is a lease to claim under.
    onPaused(paused);
    for (const leaseId of held) {
      if (!alive.has(leaseId) && !this.releasing.has(leaseId)) {
        this.lose(leaseId);
      }
    }
    if (this.lease === null && !this.stopped) {
      this.lease = await heartbeats.acquire(info(), report);
      this.tied = false;
      events.emit({ type: 'lease-acquired', leaseId: this.lease });
      onAcquired();
    }
    await this.tie();
    const suspects = this.silence.look(late, performance.now());
    if (this.isFitToJudge() && suspects.length > 0) {
      onSilent(suspects);
    }
    void this.releaseRetired();
    onBeat();
  }

  /** After an outage everybody's heartbeat is old: who was cut off itself waits until the others had their chance. */
  private isFitToJudge(): boolean {
    const now = performance.now();
    const { silenceMs } = this.deps;
    if (now - this.lastBeatAt > silenceMs * OUTAGE_SHARE) {
      this.healthySince = now;
    }
    this.lastBeatAt = now;
    return now - this.healthySince >= silenceMs;
  }

  private async tie(): Promise<void> {
    if (this.deps.tiesSession && !this.tied) {
      // Set first: a connection that is replaced meanwhile unsets it again.
      this.tied = true;
      const held = await this.deps.heartbeats.hold([...this.leases()]);
      this.tied &&= held;
    }
  }

  private lose(leaseId: number): void {
    this.retiring.delete(leaseId);
    if (this.lease === leaseId) {
      this.lease = null;
    }
    this.deps.onLost(leaseId);
  }

  /** Beside the heartbeat: it may have to read the whole table. */
  private async releaseRetired(): Promise<void> {
    const { isUsed, repository, events } = this.deps;
    for (const leaseId of this.retiring) {
      if (!isUsed(leaseId) && !this.releasing.has(leaseId)) {
        this.releasing.add(leaseId);
        try {
          if (await repository.release(leaseId)) {
            this.retiring.delete(leaseId);
          }
        } catch (error) {
          events.emit({ type: 'connection-failed', role: 'maintenance', error });
        } finally {
          this.releasing.delete(leaseId);
        }
      }
    }
  }
}
