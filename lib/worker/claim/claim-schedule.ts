import type { ClaimedTask, KindRequest, LevelRequest } from '../../task/claim.js';
import { DEFAULT_PRIORITY, MAX_PRIORITY, MIN_PRIORITY } from '../../task/task.js';
import type { ClaimCursor } from './claim-cursor.js';
import { type IdleBackoff, IDLE_PERIOD_MS } from './idle-backoff.js';
import { ClaimLatency } from './claim-latency.js';
import type { SlotShare } from '../slots/slot-share.js';

/** All is read once more so long after a wake-up or a claim: a wake-up less than 8 ms after another is left out, and its push commits a little later. */
const TRAILING_MS = 12;
/** Where tasks come faster than wake-ups, the next claim does not wait for one. */
const STREAM_MS = 5;
/** A level that had rows so lately is read in every claim. */
const HOT_MS = 5000;
/** Reading every level of every kind may take this share of the time at most. */
const FULL_PROBE_SHARE = 0.1;
/** One of so many polls is made while nobody has anything to do, and one in IDLE_PERIOD_MS at least. */
const IDLE_FACTOR = 4;
/** What one index probe costs, about. */
const PROBE_MS = 0.002;

const ALL_LEVELS = Array.from(
  { length: MAX_PRIORITY - MIN_PRIORITY + 1 },
  (_, index) => MIN_PRIORITY + index,
);

/** A kind as the schedule sees it; its pool is one. */
export interface ClaimableKind {
  readonly kind: number;
  /** How many tasks to claim. */
  readonly free: number;
  /** Whether tasks may be claimed when a slot is free. */
  readonly isAdmitted: boolean;
  /** The fallback poll as the live option says now; the last good value while it fails. */
  readonly fetcherPeriodMs: number;
  readonly share: SlotShare;
}

/** What the next claim reads. */
export interface ClaimPlan {
  readonly kinds: KindRequest[];
  /** Whether it reads every level of every kind with a free slot, not just those that had rows lately. */
  readonly full: boolean;
  /** Whether it has kinds whose next delayed task no claim has found yet. */
  readonly findNextDue: boolean;
}

/**
 * Decides when to claim and what to read: kinds with more tasks than slots as soon as a slot is free; everything at a wake-up,
 * when a delayed task is due, and at the fallback poll.
 */
export class ClaimSchedule {
  /** For how much longer than usual the next poll is put off. */
  restMs = 0;
  /** The levels of each kind that had rows lately, and when. */
  private readonly hot = new Map<number, Map<number, number>>();
  /** Kinds whose last claim used every free slot, so that more may wait. */
  private readonly backlog = new Set<number>();
  /** Kinds that had no slot free when everything was read last: they are read when they have one. */
  private readonly overlooked = new Set<number>();
  private readonly latency = new ClaimLatency();
  private isCheckDue = true;
  private nextPollAt = 0;
  private trailingAt = Number.POSITIVE_INFINITY;
  /** When a wake-up was heard, or a claim found tasks. */
  private activeAt = Number.NEGATIVE_INFINITY;
  private dueAt = Number.POSITIVE_INFINITY;
  private fullProbeAllowedAt = 0;
  private rotation = 0;

  private readonly pools: ClaimableKind[] = [];
  private readonly byKind = new Map<number, ClaimableKind>();

  constructor(
    private readonly cursor: ClaimCursor,
    private readonly idle: IdleBackoff,
  ) {}

  add(pool: ClaimableKind): void {
    this.pools.push(pool);
    this.byKind.set(pool.kind, pool);
    this.hot.set(pool.kind, new Map());
    this.isCheckDue = true;
  }

  /** Everything is to be read as soon as possible. */
  checkAll(now: number): void {
    this.isCheckDue = true;
    this.activeAt = now;
    this.trailBy(now + TRAILING_MS);
  }

  /** A task of this process is due again in `delayMs`. */
  expect(now: number, delayMs: number): void {
    this.dueAt = Math.min(this.dueAt, now + delayMs);
  }

  /** @returns the next claim, or how many milliseconds nothing is to be done unless something happens. */
  plan(now: number): ClaimPlan | number {
    const fullAt = Math.max(
      this.isCheckDue ? 0 : Math.min(this.nextPollAt, this.trailingAt, this.dueAt),
      this.fullProbeAllowedAt,
    );
    const ready = this.ready(now >= fullAt);
    if (ready.length === 0) {
      return Number.POSITIVE_INFINITY;
    }
    if (now >= fullAt) {
      const kinds = this.rotate(ready).map((pool) => this.requestOf(pool, ALL_LEVELS));
      return { full: true, findNextDue: true, kinds };
    }
    const waiting = ready.filter((pool) => this.mayWait(pool));
    if (waiting.length > 0) {
      return {
        full: false,
        findNextDue: waiting.some(({ kind }) => this.overlooked.has(kind)),
        kinds: this.rotate(waiting).map((pool) => this.requestOf(pool, this.levelsOf(pool, now))),
      };
    }
    return fullAt - now;
  }

  /** Nothing is claimed for now: other databases may use the slots. */
  stopClaiming(): void {
    this.pools.forEach(({ share }) => share.stopClaiming());
  }

  /** A claim is on its way, for `limit` tasks at most: wake-ups from here on concern the next. */
  sent({ full, kinds }: ClaimPlan, limit: number, now: number): void {
    if (full) {
      this.pools.forEach(({ kind }) => this.overlooked.add(kind));
      this.isCheckDue = false;
      this.trailingAt = Number.POSITIVE_INFINITY;
      this.dueAt = Number.POSITIVE_INFINITY;
      this.planPoll(now);
    }
    this.latency.sent(now);
    this.pools.forEach(({ share }) => share.standBy(this.latency.ms));
    for (const { kind } of kinds) {
      this.overlooked.delete(kind);
      this.byKind.get(kind)!.share.reserve(limit, this.latency.ms);
    }
  }

  /** Takes in what a claim found. */
  answered({ kinds, full }: ClaimPlan, tasks: readonly ClaimedTask[], limit: number, now: number): void {
    this.latency.answered(now);
    const counts = new Map<number, number>();
    for (const { kind, priority } of tasks) {
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
      this.hot.get(kind)!.set(priority, now);
    }
    for (const { kind, free } of kinds) {
      const mayHaveMore = (counts.get(kind) ?? 0) >= free || tasks.length >= limit;
      if (mayHaveMore) {
        this.backlog.add(kind);
      } else {
        this.backlog.delete(kind);
      }
      this.byKind.get(kind)!.share.release(mayHaveMore);
    }
    if (tasks.length > 0) {
      this.activeAt = now;
    }
    const trailingAt = this.activeAt + TRAILING_MS;
    if (trailingAt > now) {
      const isStream = tasks.length > 1 && this.backlog.size === 0;
      this.trailBy(isStream ? now + STREAM_MS : trailingAt);
    }
    if (tasks.length >= limit) {
      // The kinds after the limit have not been read.
      this.isCheckDue = true;
    }
    if (full) {
      const levels = kinds.length * ALL_LEVELS.length;
      this.fullProbeAllowedAt = now + levels * PROBE_MS * (1 / FULL_PROBE_SHARE - 1);
    }
  }

  /** Returns the kinds with a free slot; the others wait for one if they have a use for it. */
  private ready(isDue: boolean): ClaimableKind[] {
    return this.pools.filter((pool) => {
      const isReady = pool.free > 0;
      if (!isReady) {
        pool.share.waitForSlot(pool.isAdmitted && (isDue || this.mayWait(pool)));
      }
      return isReady;
    });
  }

  private mayWait({ kind }: ClaimableKind): boolean {
    return this.backlog.has(kind) || this.overlooked.has(kind);
  }

  private trailBy(at: number): void {
    this.trailingAt = Math.min(this.trailingAt, at);
  }

  private requestOf(pool: ClaimableKind, priorities: readonly number[]): KindRequest {
    const { kind, free } = pool;
    const levels = priorities.map((priority): LevelRequest => ({
      priority,
      cursor: this.cursor.positionOf(kind, priority),
    }));
    return { kind, free, levels };
  }

  private levelsOf({ kind }: ClaimableKind, now: number): readonly number[] {
    if (this.overlooked.has(kind)) {
      return ALL_LEVELS;
    }
    const hot = this.hot.get(kind)!;
    for (const [priority, seenAt] of hot) {
      if (now - seenAt > HOT_MS) {
        hot.delete(priority);
      }
    }
    return hot.size > 0 ? [...hot.keys()].toSorted((a, b) => a - b) : [DEFAULT_PRIORITY];
  }

  /** Each claim begins with another kind, so that the limit of a claim passes over none for long. */
  private rotate(pools: ClaimableKind[]): ClaimableKind[] {
    this.rotation = (this.rotation + 1) % pools.length;
    return [...pools.slice(this.rotation), ...pools.slice(0, this.rotation)];
  }

  /** After the shortest period of all kinds, spread a little, so that processes that started together drift apart. */
  private planPoll(now: number): void {
    const period = Math.min(...this.pools.map((pool) => pool.fetcherPeriodMs));
    const idlePeriod = Math.max(period, Math.min(period * IDLE_FACTOR, IDLE_PERIOD_MS));
    this.restMs = this.idle.isDue ? idlePeriod - period : 0;
    this.nextPollAt = now + (period + this.restMs) * (1 + 0.1 * Math.random());
  }
}
