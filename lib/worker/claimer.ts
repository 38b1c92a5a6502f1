import type { ClaimRepository } from '../storage/claim.repository.js';
import { isCertainlyRolledBack } from '../storage/sql-state.js';
import type { ClaimAnswer, ClaimRequest } from '../task/claim.js';
import type { ShardEventSink } from '../task/queue-events.js';
import { Attempt } from './attempt.js';
import type { ClaimCursor, ClaimTicket } from './claim-cursor.js';
import { ClaimNumbers } from './claim-numbers.js';
import type { ClaimPlan, ClaimSchedule } from './claim-schedule.js';
import type { LeaseKeeper } from './lease-keeper.js';
import type { ConnectionStates } from './connection-states.js';
import type { Rest } from './rest.js';
import { retryDelay } from './retry-delay.js';
import type { Settler } from './settler.js';
import { WakeSignal } from './wake-signal.js';
import type { WorkerPool } from './worker-pool.js';

export interface ClaimerDeps {
  repository: ClaimRepository;
  cursor: ClaimCursor;
  schedule: ClaimSchedule;
  pools: ReadonlyMap<number, WorkerPool>;
  leases: LeaseKeeper;
  rest: Rest;
  settler: Settler;
  events: ShardEventSink;
  maxPayloadBytes: number;
  states: ConnectionStates;
  /** Tasks were claimed and have begun. */
  onStarted(): void;
  /** A claim may have taken tasks, and its answer was lost. */
  onAnswerLost(request: ClaimRequest): void;
}

/** No claim asks for more rows: the next one can be on its way while these run, and what is held in memory stays small. */
const MOST_ROWS = 500;
/** Nor for more payload than an answer can hold, which is one text: in V8 at most 512 MiB. */
const MOST_BYTES = 500 * 1024 * 1024;
/** How often, at most, a claim takes a transaction id only to move the horizon. */
const FORCED_XID_MS = 1000;
/** A live worker count is looked at again after this long, when all slots are busy or there are none. */
const CAPACITY_CHECK_MS = 1000;

/** Claims as many tasks as there are free slots, for all kinds in one statement, and starts them. */
export class Claimer {
  private readonly signal = new WakeSignal();
  private readonly numbers = new ClaimNumbers();
  private onTheirWay: Promise<void> | undefined;
  private stopped = false;
  private closed = false;
  private loop: Promise<void> | undefined;
  private failures = 0;
  private readonly mostRows: number;
  private limit: number;
  private forcedXidAt = Number.NEGATIVE_INFINITY;

  constructor(private readonly deps: ClaimerDeps) {
    this.mostRows = Math.max(1, Math.min(MOST_ROWS, Math.floor(MOST_BYTES / deps.maxPayloadBytes)));
    this.limit = this.mostRows;
  }

  start(): void {
    this.loop ??= this.run();
  }

  /** Something may have become due. */
  ring(): void {
    this.deps.rest.news();
    this.deps.schedule.ring(performance.now());
    this.signal.wake();
  }

  /** A task that this process has just settled will be due again. */
  expect(delayMs: number): void {
    this.deps.schedule.expect(performance.now(), delayMs);
    this.signal.wake();
  }

  /** A slot, a lease or room in the settler is free again. */
  poke(): void {
    this.signal.wake();
  }

  /** Resolves when the claim that is on its way has been answered. */
  async answered(): Promise<void> {
    await this.onTheirWay;
  }

  /** Claims nothing more; resolves when the claim on its way has been answered and its tasks started. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.signal.wake();
    await this.loop;
  }

  /** Starts nothing any more: tasks that a late answer brings are left to the rescue. */
  close(): void {
    this.closed = true;
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      const plan = this.plan();
      if (typeof plan === 'number') {
        await this.signal.wait(Math.min(plan, CAPACITY_CHECK_MS));
      } else {
        this.onTheirWay = this.claim(plan);
        await this.onTheirWay;
      }
    }
  }

  private plan(): ClaimPlan | number {
    const { leases, settler, schedule, events } = this.deps;
    if (leases.current === null || !leases.isBeating || settler.isFull) {
      schedule.rest();
      return Number.POSITIVE_INFINITY;
    }
    const plan = schedule.plan(performance.now());
    if (plan === Number.POSITIVE_INFINITY) {
      events.emit({ type: 'saturated' });
    }
    return plan;
  }

  private async claim(plan: ClaimPlan): Promise<void> {
    const { repository, cursor, schedule, events } = this.deps;
    const startedAt = performance.now();
    const request = this.request(plan, startedAt);
    const ticket = cursor.begin(request);
    schedule.sent(plan, request.limit, startedAt);
    try {
      const answer = await repository.claim(request);
      this.accept(plan, ticket, answer);
      events.emit({ type: 'claimed', count: answer.tasks.length, durationMs: performance.now() - startedAt });
    } catch (error) {
      this.failed(ticket, error);
      await this.signal.pause(retryDelay(this.failures), () => this.stopped);
    }
  }

  private request({ kinds, findNextDue }: ClaimPlan, now: number): ClaimRequest {
    const forceXid = this.deps.cursor.wantsXid && now - this.forcedXidAt >= FORCED_XID_MS;
    if (forceXid) {
      this.forcedXidAt = now;
    }
    const leaseId = this.deps.leases.current!;
    return { claimId: this.numbers.next(), leaseId, kinds, limit: this.limit, forceXid, findNextDue };
  }

  private accept(plan: ClaimPlan, ticket: ClaimTicket, answer: ClaimAnswer): void {
    const { cursor, schedule, pools, leases, rest, events } = this.deps;
    const { claimId, leaseId } = ticket.request;
    if (this.closed) {
      return;
    }
    const now = performance.now();
    if (!answer.leaseHeld) {
      schedule.rest();
      // The lease went while the claim waited for it: the rows are where they were.
      cursor.undo(ticket);
      schedule.ring(now);
      leases.beatNow();
      return;
    }
    if (answer.isComplete) {
      cursor.advance(ticket, answer);
    } else {
      // What it missed must not come to lie behind the cursor.
      cursor.undo(ticket);
      schedule.ring(now);
    }
    const swept = cursor.takeSwept();
    if (swept > 0) {
      events.emit({ type: 'swept', count: swept });
    }
    schedule.answered(plan, answer.tasks, ticket.request.limit, now);
    if (answer.nextDueMs !== null) {
      schedule.expect(now, answer.nextDueMs);
    }
    // An answer that comes so late that the lease was given up meanwhile starts nothing: others may have the tasks.
    const isCurrent = leases.current === leaseId;
    if (answer.tasks.length > 0) {
      rest.news();
      leases.wakeUp();
    }
    const waits = new Map<WorkerPool, number[]>();
    for (const task of answer.tasks) {
      const pool = pools.get(task.kind)!;
      const waitMs = Math.max(0, answer.now - task.runAt) / 1000;
      const ofPool = waits.get(pool);
      if (ofPool) {
        ofPool.push(waitMs);
      } else {
        waits.set(pool, [waitMs]);
      }
      const attempt = new Attempt(task, claimId, leaseId);
      if (isCurrent) {
        pool.start(attempt);
      } else {
        pool.giveBack(attempt);
      }
    }
    this.deps.onStarted();
    for (const [{ kind, name }, waitsMs] of waits) {
      events.emit({ type: 'tasks-claimed', kind, name, count: waitsMs.length, waitsMs });
    }
    this.succeeded();
  }

  private succeeded(): void {
    this.limit = Math.min(this.mostRows, this.limit * 2);
    this.failures = 0;
    this.deps.states.worked('claim');
  }

  private failed(ticket: ClaimTicket, error: unknown): void {
    if (this.closed) {
      return;
    }
    const { cursor, schedule, states, onAnswerLost } = this.deps;
    schedule.rest();
    this.failures++;
    // An answer that was too large to build or to read may fit when less is asked.
    this.limit = Math.max(1, Math.floor(this.limit / 4));
    if (isCertainlyRolledBack(error)) {
      cursor.undo(ticket);
    } else {
      cursor.reset();
      onAnswerLost(ticket.request);
    }
    schedule.ring(performance.now());
    states.failed('claim', error);
  }
}
