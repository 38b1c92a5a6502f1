import type { ClaimedTask, KindRequest, LevelRequest } from '../../task/claim.js';
import { DEFAULT_PRIORITY, MAX_PRIORITY, MIN_PRIORITY } from '../../task/task.js';
import type { ClaimCursor } from './claim-cursor.js';
import { type IdleBackoff, IDLE_PERIOD_MS } from './idle-backoff.js';
import { ClaimLatency } from './claim-latency.js';
import type { WorkerPool } from '../run/worker-pool.js';

/** One more look after a ring or a claim: a ring less than 8 ms after another is left out, and its push commits a little later. */
const TRAILING_MS = 12;
/** Where tasks come faster than rings, the next look does not wait for one. */
const STREAM_MS = 5;
/** A level that had rows so lately is looked at in every claim. */
const HOT_MS = 5000;
/** Looking at every level of every kind may take this share of the time at most. */
const FULL_PROBE_SHARE = 0.1;
/** Of so many polls one is made while nobody has anything to do, and one in REST_PERIOD_MS at least. */
const REST_FACTOR = 4;
/** What one index probe costs, about. */
const PROBE_MS = 0.002;

const ALL_LEVELS = Array.from(
  { length: MAX_PRIORITY - MIN_PRIORITY + 1 },
  (_, index) => MIN_PRIORITY + index,
);

/** What the next claim looks at. */
export interface ClaimPlan {
  readonly kinds: KindRequest[];
  /** Every level of every kind with a free slot, not just those that had rows lately. */
  readonly full: boolean;
  /** There are kinds in it whose next delayed task no look has found yet. */
  readonly findNextDue: boolean;
}

/**
 * Decides when to claim and where to look: kinds with more tasks than slots as soon as a slot is free; everything at a ring,
 * when a delayed task is due, and at the fall-back poll.
 */
export class ClaimSchedule {
  /** By kind, the levels that had rows lately, and when. */
  private readonly hot = new Map<number, Map<number, number>>();
  /** Kinds whose last claim used every free slot, so that more may wait. */
  private readonly backlog = new Set<number>();
  /** Kinds that had no slot free at the last full look: they are looked at when they have one. */
  private readonly overlooked = new Set<number>();
  private readonly hold = new ClaimLatency();
  private rung = true;
  private nextPollAt = 0;
  private pollRestMs = 0;
  private trailingAt = Number.POSITIVE_INFINITY;
  /** When a ring was heard, or a claim found tasks. */
  private newsAt = Number.NEGATIVE_INFINITY;
  private dueAt = Number.POSITIVE_INFINITY;
  private fullProbeAllowedAt = 0;
  private rotation = 0;

  private readonly pools: WorkerPool[] = [];
  private readonly byKind = new Map<number, WorkerPool>();

  constructor(
    private readonly cursor: ClaimCursor,
    private readonly quiet: IdleBackoff,
  ) {}

  add(pool: WorkerPool): void {
    this.pools.push(pool);
    this.byKind.set(pool.kind, pool);
    this.hot.set(pool.kind, new Map());
    this.rung = true;
  }

  /** Look at everything as soon as possible. */
  ring(now: number): void {
    this.rung = true;
    this.newsAt = now;
    this.trailBy(now + TRAILING_MS);
  }

  /** A task of this process is due again in `delayMs`. */
  expect(now: number, delayMs: number): void {
    this.dueAt = Math.min(this.dueAt, now + delayMs);
  }

  /** @returns the next claim, or how many milliseconds nothing is to be done unless something happens. */
  plan(now: number): ClaimPlan | number {
    const fullAt = Math.max(
      this.rung ? 0 : Math.min(this.nextPollAt, this.trailingAt, this.dueAt),
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

  /** For how much longer than usual the next poll is put off. */
  get restMs(): number {
    return this.pollRestMs;
  }

  /** Nothing is claimed for now: other databases may use the slots. */
  rest(): void {
    this.pools.forEach(({ share }) => share.stopClaiming());
  }

  /** A look is on its way, for so many tasks at most: rings from here on are news. */
  sent({ full, kinds }: ClaimPlan, limit: number, now: number): void {
    if (full) {
      this.pools.forEach(({ kind }) => this.overlooked.add(kind));
      this.rung = false;
      this.trailingAt = Number.POSITIVE_INFINITY;
      this.dueAt = Number.POSITIVE_INFINITY;
      this.planPoll(now);
    }
    this.hold.sent(now);
    this.pools.forEach(({ share }) => share.standBy(this.hold.ms));
    for (const { kind } of kinds) {
      this.overlooked.delete(kind);
      this.byKind.get(kind)!.share.reserve(limit, this.hold.ms);
    }
  }

  /** Takes in what a claim found. */
  answered({ kinds, full }: ClaimPlan, tasks: readonly ClaimedTask[], limit: number, now: number): void {
    this.hold.answered(now);
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
      this.newsAt = now;
    }
    const trailingAt = this.newsAt + TRAILING_MS;
    if (trailingAt > now) {
      const isStream = tasks.length > 1 && this.backlog.size === 0;
      this.trailBy(isStream ? now + STREAM_MS : trailingAt);
    }
    if (tasks.length >= limit) {
      // The kinds after the limit have not been looked at.
      this.rung = true;
    }
    if (full) {
      const levels = kinds.length * ALL_LEVELS.length;
      this.fullProbeAllowedAt = now + levels * PROBE_MS * (1 / FULL_PROBE_SHARE - 1);
    }
  }

  /** The pools with a free slot; the others tell whether they had use for one. */
  private ready(isDue: boolean): WorkerPool[] {
    return this.pools.filter((pool) => {
      const isReady = pool.free > 0;
      if (!isReady) {
        pool.share.waitForSlot(!pool.isPaused && (isDue || this.mayWait(pool)));
      }
      return isReady;
    });
  }

  private mayWait({ kind }: WorkerPool): boolean {
    return this.backlog.has(kind) || this.overlooked.has(kind);
  }

  private trailBy(at: number): void {
    this.trailingAt = Math.min(this.trailingAt, at);
  }

  private requestOf(pool: WorkerPool, priorities: readonly number[]): KindRequest {
    const { kind, free } = pool;
    const levels = priorities.map((priority): LevelRequest => ({
      priority,
      cursor: this.cursor.positionOf(kind, priority),
    }));
    return { kind, free, levels };
  }

  private levelsOf({ kind }: WorkerPool, now: number): readonly number[] {
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

  /** Each claim begins with another kind, so that the limit of a claim starves none. */
  private rotate(pools: WorkerPool[]): WorkerPool[] {
    this.rotation = (this.rotation + 1) % pools.length;
    return [...pools.slice(this.rotation), ...pools.slice(0, this.rotation)];
  }

  /** After the shortest period of all kinds, spread a little, so that processes that started together drift apart. */
  private planPoll(now: number): void {
    const period = Math.min(...this.pools.map((pool) => pool.fetcherPeriodMs));
    const resting = Math.max(period, Math.min(period * REST_FACTOR, IDLE_PERIOD_MS));
    this.pollRestMs = this.quiet.isDue ? resting - period : 0;
    this.nextPollAt = now + (period + this.pollRestMs) * (1 + 0.1 * Math.random());
  }
}
