import type { RegisteredHandler } from '../../handlers/registered-handler.js';
import { TaskTimeoutError } from '../../errors/pg-queue.errors.js';
import type { EventSink } from '../../events/queue-events.js';
import { failed, type Outcome, RELEASED, UNCLAIMED } from '../../task/outcome.js';
import type { ClaimSignal } from '../claim/claim-signal.js';
import type { Settler } from '../settle/settler.js';
import type { SettledKind } from '../settle/settler-entry.js';
import type { SlotShare } from '../slots/slot-share.js';
import { AbandonedHandlers, type AbandonedTasks } from './abandoned-handlers.js';
import type { Attempt } from './attempt.js';
import { AttemptStarter } from './attempt-starter.js';
import { DeadlineTimer, type Expiry } from './deadline-timer.js';
import type { InstrumentedDeps } from './instrumented-runner.js';
import type { BeginHooks, LastAttempts } from './last-attempts.js';
import type { PrefetchSize } from './prefetch-size.js';

export interface RunningAttemptsDeps extends InstrumentedDeps {
  /** Where attempts go with their outcome. */
  settler: Pick<Settler, 'settle'>;
  /** Where last attempts are written down before they begin. */
  lastAttempts: Pick<LastAttempts, 'begin'>;
  claims: Pick<ClaimSignal, 'wake'>;
  drain: { changed(): void };
  abandonedTasks: AbandonedTasks;
  events: EventSink;
}

/** The attempts of a pool that hold a slot, from the moment that they take it to their outcome. */
export class RunningAttempts implements BeginHooks, Expiry {
  /** The attempts in the order of their start, which is the order of their deadlines. */
  private readonly running = new Map<number, Attempt>();
  /** Last attempts, which start when the database knows that they do. */
  private readonly beginning = new Map<number, Attempt>();
  private readonly abandoned: AbandonedHandlers;
  private readonly deadlines: DeadlineTimer;
  private readonly starter: AttemptStarter;

  /** @param prefetch learns how long attempts run */
  constructor(
    private readonly of: SettledKind,
    handler: RegisteredHandler,
    private readonly share: SlotShare,
    private readonly prefetch: PrefetchSize,
    private readonly deps: RunningAttemptsDeps,
  ) {
    this.abandoned = new AbandonedHandlers(of, deps.abandonedTasks, deps.origin, deps.events);
    this.deadlines = new DeadlineTimer(of.options.attemptTimeoutMs, this.running, this);
    this.starter = new AttemptStarter(handler, deps, this.onHandlerEnded);
  }

  /** How many slots are held. */
  get size(): number {
    return this.running.size + this.beginning.size;
  }

  /** How many handlers have outlived their attempt. */
  get abandonedHandlers(): number {
    return this.abandoned.count;
  }

  get(taskId: number): Attempt | undefined {
    return this.running.get(taskId) ?? this.beginning.get(taskId);
  }

  /** The attempts that run, in the order of their start, and then those that are about to. */
  *values(): Iterable<Attempt> {
    yield* this.running.values();
    yield* this.beginning.values();
  }

  /** The attempts that run, in the order of their start. */
  started(): Iterable<Attempt> {
    return this.running.values();
  }

  /** Starts an attempt in a slot that is free. */
  take(attempt: Attempt, now: number): void {
    if (attempt.isLast) {
      attempt.state = 'beginning';
      this.beginning.set(attempt.id, attempt);
      this.deps.lastAttempts.begin(attempt, this);
    } else {
      this.start(attempt, now);
    }
  }

  begun(attempt: Attempt): void {
    this.beginning.delete(attempt.id);
    if (attempt.lost) {
      this.giveBack(attempt);
      this.share.freed();
    } else {
      this.start(attempt, performance.now());
    }
  }

  withdraw(attempt: Attempt): void {
    this.beginning.delete(attempt.id);
    attempt.state = 'ended';
    this.share.freed();
    this.slotFreed();
  }

  /** Gives up on what still runs: the attempts are released. */
  releaseAll(isMeant: (attempt: Attempt) => boolean): void {
    [...this.running.values()].filter(isMeant).forEach((attempt) => this.abandon(attempt, RELEASED));
    for (const attempt of [...this.beginning.values()].filter(isMeant)) {
      this.beginning.delete(attempt.id);
      this.giveBack(attempt);
    }
  }

  expire(attempt: Attempt): void {
    const timeout = new TaskTimeoutError(this.of.options.attemptTimeoutMs);
    attempt.abort(timeout);
    this.abandon(attempt, failed(timeout));
  }

  /** Gives back an attempt that has not started. */
  giveBack(attempt: Attempt): void {
    this.end(attempt, UNCLAIMED);
  }

  /** Ends an attempt that has no slot. */
  end(attempt: Attempt, outcome: Outcome): void {
    attempt.state = 'ended';
    this.settle(attempt, outcome);
  }

  /** A slot is free, or may be: the claimer and a stop take notice. */
  slotFreed(): void {
    this.deps.claims.wake();
    this.deps.drain.changed();
  }

  close(): void {
    this.deadlines.close();
  }

  private start(attempt: Attempt, now: number): void {
    attempt.start(this.of.options.attemptTimeoutMs, now);
    this.running.set(attempt.id, attempt);
    this.deadlines.watch();
    this.starter.start(attempt);
  }

  private readonly onHandlerEnded = (attempt: Attempt, outcome: Outcome): void => {
    if (attempt.state === 'running') {
      this.finish(attempt, 'ended', outcome);
    } else {
      attempt.state = 'ended';
      this.abandoned.ended(attempt);
      this.share.freed();
      this.slotFreed();
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
    this.prefetch.ended(attempt.durationMs);
    this.share.freed();
    this.settle(attempt, outcome);
  }

  private settle(attempt: Attempt, outcome: Outcome): void {
    this.deps.settler.settle(attempt, outcome, this.of);
    this.slotFreed();
  }
}
