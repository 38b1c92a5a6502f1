import type { RegisteredHandler } from '../../handlers/registered-handler.js';
import { failed, type Outcome, RELEASED, UNCLAIMED } from '../../task/outcome.js';
import type { Instruments } from '../../events/instrumentation.js';
import type { DatabaseEvent } from '../../events/queue-events.js';
import type { RunnableKindOptions } from '../../task/kind-options.js';
import { LeaseLostError, TaskTimeoutError } from '../../errors/pg-queue.errors.js';
import { AbandonedHandlers, type AbandonedTasks } from './abandoned-handlers.js';
import type { Attempt } from './attempt.js';
import type { BeginHooks } from './last-attempts.js';
import { DeadlineTimer } from './deadline-timer.js';
import type { Slots } from '../slots/slots.js';
import type { SlotHolder, SlotShare } from '../slots/slot-share.js';
import { type RunnerHooks, runAttempt, runInstrumented } from './attempt-runner.js';
import { PrefetchQueue } from './prefetch-queue.js';

/** How soon a task is offered again while an older body of it still runs here. */
const OVERLAP_DELAY_MS = 1000;

export interface WorkerPoolHooks extends RunnerHooks {
  instruments: Instruments;
  /** An attempt has its outcome; its slot is free. */
  onEnded(attempt: Attempt, outcome: Outcome): void;
  tell(event: DatabaseEvent): void;
  /** A slot that was withheld may be free again. */
  onRoom(): void;
  /** Nothing of this kind is to be claimed, in the whole cluster. */
  isPaused(kind: number): boolean;
  /** So much of this kind is kept apart that no more is to be claimed by this process. */
  isWithheld(kind: number): boolean;
  /** The database is told that a last attempt begins. */
  begin(attempt: Attempt, hooks: BeginHooks): void;
  abandonedTasks: AbandonedTasks;
}

/** The attempts of one kind and one database that run in this process, one in each slot that they have. */
export class WorkerPool implements SlotHolder {
  readonly options: RunnableKindOptions;
  /** Its part of the slots. */
  readonly share: SlotShare;
  /** In the order of their start, which is the order of their deadlines. */
  private readonly running = new Map<number, Attempt>();
  /** They have a slot, and run when the database knows. */
  private readonly beginning = new Map<number, Attempt>();
  private readonly abandoned: AbandonedHandlers;
  private readonly deadlines: DeadlineTimer;
  /** They have a slot, and run as soon as the next claim is on its way. */
  private readonly starting: Attempt[] = [];
  private readonly line = new PrefetchQueue((attempt) => this.giveBack(attempt));
  private draining = false;

  constructor(
    private readonly handler: RegisteredHandler,
    private readonly slots: Slots,
    private readonly hooks: WorkerPoolHooks,
  ) {
    this.options = handler.options;
    this.share = slots.join(this);
    const { kind, name, attemptTimeoutMs } = handler.options;
    const { origin, abandonedTasks: tasks, tell } = hooks;
    this.abandoned = new AbandonedHandlers({ kind, name, origin, tasks, tell });
    this.deadlines = new DeadlineTimer(
      attemptTimeoutMs,
      () => this.running.values(),
      (attempt) => this.expire(attempt),
    );
  }

  get kind(): number {
    return this.options.kind;
  }

  get name(): string {
    return this.options.name;
  }

  get busy(): number {
    return this.running.size + this.beginning.size;
  }

  /** How many slots the live option allows now, for all databases together; the last good value while it fails. */
  get capacity(): number {
    return this.slots.capacity;
  }

  /** How many of them are in use, by all databases. */
  get busyInAll(): number {
    return this.slots.busy;
  }

  /** The fall-back poll as the live option says now; the last good value while it fails. */
  get fetcherPeriodMs(): number {
    return this.slots.fetcherPeriodMs;
  }

  /** Nothing of this kind is to be claimed, whatever is free. */
  get isPaused(): boolean {
    return this.hooks.isPaused(this.kind) || this.hooks.isWithheld(this.kind);
  }

  /** How many tasks to claim: the share of the free slots, and a few more where tasks are short. */
  get free(): number {
    const count = this.isPaused ? 0 : this.slots.count;
    if (count === 0) {
      return 0;
    }
    const offered = this.share.offer(count);
    return offered + this.line.room(Math.min(count, this.busy + offered));
  }

  /** There are slots, and all are in use. */
  get isFull(): boolean {
    return this.slots.areFull;
  }

  get abandonedHandlers(): number {
    return this.abandoned.count;
  }

  get hasWaiting(): boolean {
    return this.line.size > 0;
  }

  wake(): void {
    this.hooks.onRoom();
  }

  start(attempt: Attempt): void {
    const { id } = attempt;
    const older = this.running.get(id) ?? this.beginning.get(id) ?? this.line.get(id);
    if (older || this.hooks.abandonedTasks.has(id)) {
      older?.lose(new LeaseLostError(`task ${this.hooks.origin.idOf(id)} was taken again`));
      this.end(attempt, { type: 'snoozed', delayMs: OVERLAP_DELAY_MS });
    } else if (this.hooks.isPaused(this.kind)) {
      // Its claim was on the way when the pause was heard of.
      this.giveBack(attempt);
    } else if (this.slots.hasFree && !this.hasWaiting) {
      this.takeSlot(attempt);
    } else if (this.draining) {
      this.giveBack(attempt);
    } else {
      this.line.join(attempt);
      this.share.fill();
    }
  }

  /** Starts nothing more that was claimed ahead. */
  drain(): void {
    this.draining = true;
    this.unclaimWaiting();
  }

  private takeSlot(attempt: Attempt): void {
    this.line.started();
    this.share.started();
    if (attempt.isLast) {
      attempt.state = 'beginning';
      this.beginning.set(attempt.id, attempt);
      this.hooks.begin(attempt, {
        begun: () => this.begun(attempt),
        withdraw: () => this.withdraw(attempt),
      });
    } else {
      this.startBody(attempt);
    }
  }

  private begun(attempt: Attempt): void {
    this.beginning.delete(attempt.id);
    if (attempt.lost) {
      this.giveBack(attempt);
      this.share.freed();
    } else {
      this.startBody(attempt);
    }
  }

  private withdraw(attempt: Attempt): void {
    this.beginning.delete(attempt.id);
    attempt.state = 'ended';
    this.share.freed();
    this.hooks.onRoom();
  }

  private startBody(attempt: Attempt): void {
    attempt.start(this.options.attemptTimeoutMs);
    this.running.set(attempt.id, attempt);
    this.deadlines.watch();
    if (this.starting.push(attempt) === 1) {
      setImmediate(() => this.runStarting());
    }
  }

  startNext(): void {
    const attempt = this.line.next()!;
    if (attempt.lost) {
      this.giveBack(attempt);
    } else {
      this.takeSlot(attempt);
    }
  }

  /** Gives back what was claimed ahead and has no slot yet. */
  unclaimWaiting(): void {
    this.line.giveBackAll();
  }

  giveBack(attempt: Attempt): void {
    this.end(attempt, UNCLAIMED);
  }

  private end(attempt: Attempt, outcome: Outcome): void {
    attempt.state = 'ended';
    this.hooks.onEnded(attempt, outcome);
  }

  private runStarting(): void {
    for (const attempt of this.starting.splice(0)) {
      if (attempt.state === 'running') {
        this.run(attempt);
      } else {
        this.onBodyEnded(attempt, RELEASED);
      }
    }
  }

  private run(attempt: Attempt): void {
    const { hooks, handler } = this;
    if (!hooks.instruments.any) {
      void runAttempt(attempt, handler, hooks, this.onBodyEnded);
      return;
    }
    void runInstrumented(attempt, handler, hooks, this.onBodyEnded);
  }

  /** The attempts that hold a slot, or wait for one. */
  *attempts(): Iterable<Attempt> {
    yield* this.running.values();
    yield* this.beginning.values();
    yield* this.line.values();
  }

  /** The attempts that hold a slot, in the order of their start. */
  inSlots(): Iterable<Attempt> {
    return this.running.values();
  }

  /** Gives up on what still runs: the attempts are given back. */
  releaseAll(isMeant: (attempt: Attempt) => boolean): void {
    [...this.running.values()].filter(isMeant).forEach((attempt) => this.abandon(attempt, RELEASED));
    for (const attempt of [...this.beginning.values()].filter(isMeant)) {
      this.beginning.delete(attempt.id);
      this.giveBack(attempt);
    }
  }

  close(): void {
    this.deadlines.close();
    this.line.close();
    this.share.leave();
  }

  private readonly onBodyEnded = (attempt: Attempt, outcome: Outcome): void => {
    if (attempt.state === 'running') {
      this.finish(attempt, 'ended', outcome);
    } else {
      attempt.state = 'ended';
      this.abandoned.ended(attempt);
      this.share.freed();
      this.hooks.onRoom();
    }
  };

  private abandon(attempt: Attempt, outcome: Outcome): void {
    this.abandoned.add(attempt);
    this.finish(attempt, 'abandoned', outcome);
  }

  private finish(attempt: Attempt, state: 'ended' | 'abandoned', outcome: Outcome): void {
    attempt.state = state;
    if (this.running.get(attempt.id) === attempt) {
      this.running.delete(attempt.id);
    }
    this.line.ended(attempt.durationMs);
    this.share.freed();
    this.hooks.onEnded(attempt, outcome);
  }

  private expire(attempt: Attempt): void {
    const timeout = new TaskTimeoutError(this.options.attemptTimeoutMs);
    attempt.abort(timeout);
    this.abandon(attempt, failed(timeout));
  }

  reportInvalid(error: unknown): void {
    this.slots.reportInvalid(error);
  }
}
