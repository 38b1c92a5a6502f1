import type { ClaimRepository } from '../../storage/claim.repository.js';
import { isCertainlyRolledBack } from '../../storage/sql-state.js';
import type { ClaimRequest, LimitedAnswer } from '../../task/claim.js';
import { retryDelay } from '../../timing/retry-delay.js';
import type { AttemptWatch } from '../lease/attempt-watch.js';
import type { LeaseKeeper } from '../lease/lease-keeper.js';
import type { LostClaims } from '../lease/lost-claims.js';
import type { WorkerPool } from '../run/worker-pool.js';
import type { Settler } from '../settle/settler.js';
import type { WorkerBase } from '../worker-base.js';
import { ChosenClaims } from './chosen-claims.js';
import type { ClaimTicket } from './claim-cursor.js';
import { ClaimNumbers } from './claim-numbers.js';
import type { ClaimPlan } from './claim-schedule.js';
import { ClaimStarter } from './claim-starter.js';
import { PayloadBudget } from './payload-budget.js';

export interface ClaimerDeps extends WorkerBase {
  repository: ClaimRepository;
  pools: ReadonlyMap<number, WorkerPool>;
  leases: LeaseKeeper;
  settler: Settler;
  watch: AttemptWatch;
  /** The claims that may have taken tasks, and whose answer was lost. */
  lost: LostClaims;
}

/** No claim takes more rows: the next one can be on its way while these run, and what is held in memory stays small. */
const MOST_ROWS = 500;
/** No claim takes more payload than an answer can hold, which is one text: in V8 at most 512 MiB. */
const MOST_BYTES = 500 * 1024 * 1024;
/** How often, at most, a claim takes a transaction id only to move the horizon. */
const FORCED_XID_MS = 1000;
/** A live worker count is read again after this long, when all slots are busy or there are none. */
const CAPACITY_CHECK_MS = 1000;

/** Claims as many tasks as there are free slots, for all kinds in one statement, and starts them. */
export class Claimer {
  private onTheirWay: Promise<void> | undefined;
  private stopped = false;
  private loop: Promise<void> | undefined;
  private failures = 0;
  private readonly mostRows: number;
  private limit: number;
  private forcedXidAt = Number.NEGATIVE_INFINITY;
  private readonly numbers = new ClaimNumbers();
  private readonly budget: PayloadBudget;
  private readonly starter: ClaimStarter;
  private readonly chosen: ChosenClaims;

  constructor(private readonly deps: ClaimerDeps) {
    this.mostRows = Math.max(1, Math.min(MOST_ROWS, Math.floor(MOST_BYTES / deps.maxPayloadBytes)));
    this.limit = this.mostRows;
    this.budget = new PayloadBudget(deps.maxPayloadMemory, this.mostRows, deps.pools);
    this.starter = new ClaimStarter(deps);
    const { numbers, budget, starter } = this;
    this.chosen = new ChosenClaims({ ...deps, numbers, budget, starter });
  }

  start(): void {
    this.loop ??= this.run();
  }

  /**
   * Claims once what there is to claim, and starts it.
   * @returns undefined after a claim; otherwise for how many milliseconds there is nothing to claim, unless something happens
   */
  async runOnce(): Promise<number | undefined> {
    if (this.chosenInMs === 0) {
      this.onTheirWay = this.chosen.tryAgain();
      await this.onTheirWay;
    }
    const plan = this.plan();
    if (typeof plan === 'number') {
      return Math.min(plan, CAPACITY_CHECK_MS, this.chosenInMs);
    }
    this.onTheirWay = this.claim(plan);
    await this.onTheirWay;
    return undefined;
  }

  /** Resolves when the claim that is on its way has been answered. */
  async answered(): Promise<void> {
    await this.onTheirWay;
  }

  /** Claims nothing more; resolves when the claim on its way has been answered and its tasks started. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.deps.claims.wake();
    await this.loop;
  }

  /** Starts nothing any more: tasks that a late answer brings are left to the rescue. */
  close(): void {
    this.starter.close();
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      const restMs = await this.runOnce();
      if (restMs !== undefined) {
        await this.deps.claims.wait(restMs);
      }
    }
  }

  private get mayClaim(): boolean {
    const { held, leases, settler } = this.deps;
    return held.current !== null && leases.isBeating && !settler.isFull;
  }

  private get chosenInMs(): number {
    return this.mayClaim && this.budget.left > 0 ? this.chosen.inMs : Number.POSITIVE_INFINITY;
  }

  private plan(): ClaimPlan | number {
    const { schedule, events } = this.deps;
    if (!this.mayClaim) {
      schedule.stopClaiming();
      return Number.POSITIVE_INFINITY;
    }
    if (this.budget.left <= 0) {
      schedule.stopClaiming();
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
    const { repository, cursor, schedule, events, claims } = this.deps;
    const startedAt = performance.now();
    const request = this.request(plan, startedAt);
    const ticket = cursor.begin(request);
    schedule.sent(plan, request.limit, startedAt);
    try {
      const answer = await repository.claim(request, this.budget.limits(this.chosen.except));
      this.accept(plan, ticket, answer);
      const durationMs = performance.now() - startedAt;
      events.emit({ type: 'claimed', count: answer.tasks.length, durationMs, restMs: schedule.restMs });
    } catch (error) {
      this.undo(ticket, error);
      if (!(await this.chosen.isolate(request, error, this.failures))) {
        this.failed(error);
        await claims.pause(retryDelay(this.failures), () => this.stopped);
      }
    }
  }

  private request({ kinds, findNextDue }: ClaimPlan, now: number): ClaimRequest {
    const { cursor, held } = this.deps;
    const forceXid = cursor.wantsXid && now - this.forcedXidAt >= FORCED_XID_MS;
    if (forceXid) {
      this.forcedXidAt = now;
    }
    const leaseId = held.current!;
    const limit = this.budget.rows(this.limit);
    return { claimId: this.numbers.next(), leaseId, kinds, limit, forceXid, findNextDue };
  }

  private accept(plan: ClaimPlan, ticket: ClaimTicket, answer: LimitedAnswer): void {
    const { cursor, schedule, leases, events } = this.deps;
    // What comes after the last row that fits was not read.
    const request = answer.isCut ? { ...ticket.request, limit: answer.tasks.length } : ticket.request;
    if (this.starter.isClosed) {
      return;
    }
    const now = performance.now();
    if (!answer.leaseHeld) {
      schedule.stopClaiming();
      // The lease went while the claim waited for it: the rows are where they were.
      cursor.undo(ticket);
      schedule.checkAll(now);
      leases.beatNow();
      return;
    }
    if (answer.isComplete) {
      cursor.advance({ ...ticket, request }, answer);
    } else {
      // What the claim missed must not come to lie behind the cursor.
      cursor.undo(ticket);
      schedule.checkAll(now);
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
    this.budget.answered(answer);
    this.succeeded();
  }

  private succeeded(): void {
    this.limit = Math.min(this.mostRows, this.limit * 2);
    this.failures = 0;
    this.deps.states.worked('claim');
  }

  /** The tasks that a failed claim took are where they were, or may be held. */
  private undo(ticket: ClaimTicket, error: unknown): void {
    if (!this.starter.isClosed) {
      const { cursor, schedule, lost } = this.deps;
      schedule.stopClaiming();
      this.failures++;
      if (isCertainlyRolledBack(error)) {
        cursor.undo(ticket);
      } else {
        lost.add(ticket.request);
      }
      schedule.checkAll(performance.now());
    }
  }

  private failed(error: unknown): void {
    if (!this.starter.isClosed) {
      // An answer that was too large to build or to read may fit when fewer rows are claimed.
      this.limit = Math.max(1, Math.floor(this.limit / 4));
      this.deps.states.failed('claim', error);
    }
  }
}
