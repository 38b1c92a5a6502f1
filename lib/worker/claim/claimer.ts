import type { ClaimRepository } from '../../storage/claim.repository.js';
import { isCertainlyRolledBack } from '../../storage/sql-state.js';
import type { ClaimLimits, ClaimRequest, LimitedAnswer } from '../../task/claim.js';
import type { EventSink } from '../../events/queue-events.js';
import type { ClaimCursor, ClaimTicket } from './claim-cursor.js';
import { ClaimNumbers } from './claim-numbers.js';
import { ClaimStarter } from './claim-starter.js';
import { ChosenClaims } from './chosen-claims.js';
import type { ClaimPlan, ClaimSchedule } from './claim-schedule.js';
import type { LeaseKeeper } from '../lease/lease-keeper.js';
import type { ConnectionStates } from '../connection-states.js';
import { PayloadBudget } from './payload-budget.js';
import type { RefusedTasks } from '../refused-tasks.js';
import type { IdleBackoff } from './idle-backoff.js';
import { retryDelay } from '../../timing/retry-delay.js';
import type { Settler } from '../settle/settler.js';
import { WakeSignal } from '../../timing/wake-signal.js';
import type { WorkerPool } from '../run/worker-pool.js';

export interface ClaimerDeps {
  repository: ClaimRepository;
  cursor: ClaimCursor;
  schedule: ClaimSchedule;
  pools: ReadonlyMap<number, WorkerPool>;
  leases: LeaseKeeper;
  rest: IdleBackoff;
  settler: Settler;
  events: EventSink;
  maxPayloadBytes: number;
  /** How many bytes of payloads may be held. */
  maxPayloadMemory: number;
  refused: RefusedTasks;
  states: ConnectionStates;
  isPaused(kind: number): boolean;
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
  private readonly budget: PayloadBudget;
  private readonly chosen: ChosenClaims;
  private readonly starter: ClaimStarter;

  constructor(private readonly deps: ClaimerDeps) {
    this.mostRows = Math.max(1, Math.min(MOST_ROWS, Math.floor(MOST_BYTES / deps.maxPayloadBytes)));
    this.limit = this.mostRows;
    this.starter = new ClaimStarter(deps);
    this.budget = new PayloadBudget(deps.maxPayloadMemory, deps.pools);
    this.chosen = new ChosenClaims({
      ...deps,
      numbers: this.numbers,
      starter: this.starter,
      limits: () => this.limits(),
      onAnswered: (answer) => this.budget.answered(answer, this.mostRows),
      onLost: (request) => this.lost(request),
      isClosed: () => this.closed,
    });
  }

  start(): void {
    this.loop ??= this.run();
  }

  /** Something may have become due. */
  ring(): void {
    this.deps.rest.news();
    this.lookAgain();
  }

  /** Looks at everything, as a precaution. */
  lookAgain(): void {
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
        await this.signal.wait(Math.min(plan, CAPACITY_CHECK_MS, this.chosenInMs));
      } else {
        this.onTheirWay = this.claim(plan);
        await this.onTheirWay;
      }
      if (this.chosenInMs === 0) {
        this.onTheirWay = this.chosen.tryAgain();
        await this.onTheirWay;
      }
    }
  }

  private get mayClaim(): boolean {
    const { leases, settler } = this.deps;
    return leases.current !== null && leases.isBeating && !settler.isFull;
  }

  private get chosenInMs(): number {
    return this.mayClaim && this.budget.left > 0 ? this.chosen.inMs : Number.POSITIVE_INFINITY;
  }

  private plan(): ClaimPlan | number {
    const { schedule, events } = this.deps;
    if (!this.mayClaim) {
      schedule.rest();
      return Number.POSITIVE_INFINITY;
    }
    if (this.budget.left <= 0) {
      schedule.rest();
      events.emit({ type: 'saturated' });
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
      const answer = await repository.claim(request, this.limits());
      this.accept(plan, ticket, answer);
      const durationMs = performance.now() - startedAt;
      events.emit({ type: 'claimed', count: answer.tasks.length, durationMs, restMs: schedule.restMs });
    } catch (error) {
      this.undo(ticket, error);
      if (!(await this.chosen.isolate(request, error, this.failures))) {
        this.failed(error);
        await this.signal.pause(retryDelay(this.failures), () => this.stopped);
      }
    }
  }

  private limits(): ClaimLimits {
    const { left, isSized } = this.budget;
    return { maxBytes: Math.max(1, left), isSized, except: this.chosen.except };
  }

  private request({ kinds, findNextDue }: ClaimPlan, now: number): ClaimRequest {
    const forceXid = this.deps.cursor.wantsXid && now - this.forcedXidAt >= FORCED_XID_MS;
    if (forceXid) {
      this.forcedXidAt = now;
    }
    const leaseId = this.deps.leases.current!;
    const limit = this.budget.rows(this.limit);
    return { claimId: this.numbers.next(), leaseId, kinds, limit, forceXid, findNextDue };
  }

  private accept(plan: ClaimPlan, ticket: ClaimTicket, answer: LimitedAnswer): void {
    const { cursor, schedule, leases, events } = this.deps;
    // What comes after the last row that fits was not looked at.
    const request = answer.isCut ? { ...ticket.request, limit: answer.tasks.length } : ticket.request;
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
      cursor.advance({ ...ticket, request }, answer);
    } else {
      // What it missed must not come to lie behind the cursor.
      cursor.undo(ticket);
      schedule.ring(now);
    }
    if (answer.hasSkipped) {
      this.chosen.noteSkipped(ticket.request);
    }
    const swept = cursor.takeSwept();
    if (swept > 0) {
      events.emit({ type: 'swept', count: swept });
    }
    schedule.answered(plan, answer.tasks, request.limit, now);
    if (answer.nextDueMs !== null) {
      schedule.expect(now, answer.nextDueMs);
    }
    this.starter.start(request, answer);
    this.budget.answered(answer, this.mostRows);
    this.succeeded();
  }

  private succeeded(): void {
    this.limit = Math.min(this.mostRows, this.limit * 2);
    this.failures = 0;
    this.deps.states.worked('claim');
  }

  /** What a claim that failed took is where it was, or may be held. */
  private undo(ticket: ClaimTicket, error: unknown): void {
    if (!this.closed) {
      const { cursor, schedule } = this.deps;
      schedule.rest();
      this.failures++;
      if (isCertainlyRolledBack(error)) {
        cursor.undo(ticket);
      } else {
        this.lost(ticket.request);
      }
      schedule.ring(performance.now());
    }
  }

  private lost(request: ClaimRequest): void {
    this.deps.cursor.reset();
    this.deps.onAnswerLost(request);
  }

  private failed(error: unknown): void {
    if (!this.closed) {
      // An answer that was too large to build or to read may fit when less is asked.
      this.limit = Math.max(1, Math.floor(this.limit / 4));
      this.deps.states.failed('claim', error);
    }
  }
}
