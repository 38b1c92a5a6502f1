import type { LeaseRepository, WorkerInfo } from '../../storage/lease.repository.js';
import type { EventSink } from '../../events/queue-events.js';
import { InvalidOptionError } from '../../errors/pg-queue.errors.js';
import type { WorkerReport } from '../../inspect/worker-report.js';
import type { ConnectionStates } from '../connection-states.js';
import { type IdleBackoff, IDLE_PERIOD_MS } from '../claim/idle-backoff.js';
import { retryDelay } from '../../timing/retry-delay.js';
import { FailureDetector } from './failure-detector.js';
import { WakeSignal } from '../../timing/wake-signal.js';

export interface LeaseKeeperDeps {
  /** On a connection that nothing else uses. */
  heartbeats: LeaseRepository;
  /** For all that may take longer. */
  repository: LeaseRepository;
  info: () => WorkerInfo;
  /** What this process tells of itself with each heartbeat. */
  report: () => WorkerReport;
  events: EventSink;
  states: ConnectionStates;
  heartbeatPeriodMs: number;
  /** When nobody has anything to do, less is asked. */
  rest: IdleBackoff;
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
  /** Leases have ended, and tasks point to them still. */
  onEnded(leaseIds: readonly number[]): void;
  /** After each heartbeat that succeeded. */
  onBeat(): void;
  /** Whether attempts of a lease still run or wait to be written. */
  isUsed(leaseId: number): boolean;
}

/** A gap between heartbeats of more than this share of the silence that tells of death may have been everybody's. */
const OUTAGE_SHARE = 2 / 3;
/** For this share of that silence a heartbeat must have stood still before this process's own eyes. */
const STILL_SHARE = 0.5;

/** A session of this process whose connection broke has ended by then: its keepalive probes find that out within 14 seconds. */
const LONGEST_LINGER_MS = 20_000;

/** A heartbeat may come a little late. */
const MARGIN_MS = 1000;

/** Where connections are few a heartbeat borrows one; a pooler changes them at every turn. */
const MOST_CHANGES = 10;

const sharedSessions = () =>
  new InvalidOptionError(
    'transactionPooling',
    false,
    'must be true: heartbeats are answered by one session and another, as behind a pooler in transaction mode',
  );

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
  /** How much longer than usual the next heartbeat takes to come. */
  private extraMs = 0;
  /** For how long this one counts besides: others see by it that this process has nothing to do. */
  private aheadMs = 0;
  private lastBeatAt = Number.NEGATIVE_INFINITY;
  /** Since when no gap between two heartbeats was long enough for an outage that others had too. */
  private healthySince = 0;
  /** The session that has the current lease's lock. */
  private tiedTo: string | undefined;
  /** Since when the lock can't be had. */
  private untiedSince: number | undefined;
  /** How often another session answered than the one before, though no connection was lost. */
  private changes = 0;
  /** A pooler hands the heartbeats to sessions that others use too: their locks tell nothing. */
  private sharesSessions = false;
  private stopped = false;
  private loop: Promise<void> | undefined;

  private readonly silence: FailureDetector;

  constructor(private readonly deps: LeaseKeeperDeps) {
    this.silence = new FailureDetector(deps.silenceMs * STILL_SHARE);
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

  /** Another session has the lock: a copy of this process may live. New claims get a lease that no other can know. */
  private retire(): void {
    if (this.lease !== null) {
      this.retiring.add(this.lease);
      this.lease = null;
      this.untiedSince = undefined;
    }
  }

  /** Looks at the leases and the pauses at once: something about them has changed. */
  beatNow(): void {
    this.signal.wake();
  }

  /** There is something to do again: a crash must be noticed as soon as ever. */
  wakeUp(): void {
    if (this.aheadMs > 0) {
      this.signal.wake();
    }
  }

  /** Ends the heartbeat. @returns the leases that are held still. */
  async stop(): Promise<readonly number[]> {
    this.stopped = true;
    this.signal.wake();
    await this.loop;
    return this.all;
  }

  /** Ends leases under which nothing runs and nothing waits to be written. @param inDoubt whether they may hold what nobody knows of */
  async end(held: readonly number[], inDoubt: boolean): Promise<void> {
    const { repository } = this.deps;
    for (const leaseId of held) {
      // What could not be released is left to the rescue of another process.
      await (inDoubt || this.retiring.has(leaseId) ? repository.release(leaseId) : repository.end([leaseId]));
    }
  }

  /** Those of this process, the current one first. */
  get all(): readonly number[] {
    return this.lease === null ? [...this.retiring] : [this.lease, ...this.retiring];
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
      const periodMs = heartbeatPeriodMs + this.extraMs;
      if (this.failures > 0) {
        await this.signal.pause(Math.min(heartbeatPeriodMs, retryDelay(this.failures)), () => this.stopped);
      } else {
        await this.signal.wait(periodMs);
      }
    }
  }

  /** The heartbeat has a new connection: the old one's locks are gone, or will be. */
  reconnected(): void {
    this.tiedTo = undefined;
  }

  private async beat(): Promise<void> {
    const { heartbeats, heartbeatPeriodMs, rest, silenceMs, info, events } = this.deps;
    const { onPaused, onAcquired, onSilent, onEnded, onBeat } = this.deps;
    const report = this.deps.report();
    // A gap of now counts as long as it was announced.
    const allowedMs = this.extraMs;
    this.extraMs = rest.isDue ? Math.max(0, IDLE_PERIOD_MS - heartbeatPeriodMs) : 0;
    this.aheadMs = rest.isIdle ? heartbeatPeriodMs + this.extraMs + MARGIN_MS : 0;
    // One that is being released is locked for as long as that takes.
    const held = this.all.filter((leaseId) => !this.releasing.has(leaseId));
    const beat = await heartbeats.heartbeat(held, this.lease, silenceMs, report, this.aheadMs);
    const { alive, late, ended, paused, session } = beat;
    rest.othersAreIdle = beat.othersAreIdle;
    // Before there is a lease to claim under.
    onPaused(paused);
    for (const leaseId of held) {
      if (!alive.has(leaseId) && !this.releasing.has(leaseId)) {
        this.lose(leaseId);
      }
    }
    if (this.lease === null && !this.stopped) {
      this.lease = await heartbeats.acquire(info(), report);
      this.tiedTo = undefined;
      this.changes = 0;
      events.emit({ type: 'lease-acquired', leaseId: this.lease });
      onAcquired();
    }
    await this.tie(session);
    const suspects = this.silence.look(late, performance.now());
    if (this.isFitToJudge(allowedMs) && suspects.length > 0) {
      onSilent(suspects);
    }
    if (ended.length > 0) {
      onEnded(ended);
    }
    void this.releaseRetired();
    onBeat();
  }

  /** After an outage everybody's heartbeat is old: who was cut off itself waits until the others had their chance. */
  private isFitToJudge(allowedMs: number): boolean {
    const now = performance.now();
    const { silenceMs } = this.deps;
    if (now - this.lastBeatAt > silenceMs * OUTAGE_SHARE + allowedMs) {
      this.healthySince = now;
    }
    this.lastBeatAt = now;
    return now - this.healthySince >= silenceMs;
  }

  /** The lock of a lease goes with the session that has it, and so tells others that this process lives. */
  private async tie(session: string): Promise<void> {
    if (!this.deps.tiesSession || this.sharesSessions || this.lease === null || this.tiedTo === session) {
      return;
    }
    if (this.tiedTo !== undefined && ++this.changes >= MOST_CHANGES) {
      this.sharesSessions = true;
      this.deps.events.emit({ type: 'connection-failed', role: 'heartbeat', error: sharedSessions() });
      return;
    }
    const hold = await this.deps.heartbeats.hold(this.all);
    if (hold.held.has(this.lease)) {
      this.tiedTo = hold.session;
      this.untiedSince = undefined;
      return;
    }
    this.untiedSince ??= performance.now();
    if (performance.now() - this.untiedSince >= LONGEST_LINGER_MS) {
      this.retire();
      this.signal.wake();
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
