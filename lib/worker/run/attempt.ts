import type { ClaimedTask } from '../../task/claim.js';
import type { CurrentTask } from '../../task/current-task.js';
import type { InstrumentedAttempt } from '../../events/instrumentation.js';
import type { AttemptRef } from '../../task/settlement.js';
import type { Task } from '../../task/task.js';
import type { Executor, Manager } from '../../task/transaction.js';

/** Settles an attempt inside the handler's transaction. */
export type CompleteIn = (attempt: Attempt, transaction: Manager | Executor) => Promise<void>;

/**
 * One run of a handler.
 * `waiting` was claimed ahead of a slot; `beginning` holds one, and the database is told first; `running` holds one and its outcome counts; `abandoned` has given it up though the body
 * still runs; `ended` is over.
 */
export class Attempt implements AttemptRef {
  readonly id: number;
  /** Counts from 1. */
  readonly attempt: number;
  state: 'waiting' | 'beginning' | 'running' | 'abandoned' | 'ended' = 'waiting';
  /** When the attempt is over, whatever its body does. */
  deadline = Number.POSITIVE_INFINITY;
  startedAt = performance.now();
  /** The handler may have settled it in a transaction of its own: what the row says decides, since that may have rolled back. */
  completed = false;
  /** The id of the transaction in which it did so last. */
  completedIn: string | undefined;
  /** The lease is gone: whatever the handler does, nothing is written. */
  lost = false;
  /** Its body went on when it had given its slot up, and this was told. */
  reported = false;
  instrumented: InstrumentedAttempt | undefined;
  private controller: AbortController | undefined;
  private abortReason: Error | undefined;

  constructor(
    readonly claimed: ClaimedTask,
    readonly claimId: number,
    readonly leaseId: number,
  ) {
    this.id = claimed.id;
    this.attempt = claimed.attempt;
  }

  /** No other follows: it is used up once it has begun, and not before. */
  get isLast(): boolean {
    return this.claimed.attemptsLeft === 0;
  }

  start(timeoutMs: number): void {
    this.state = 'running';
    this.startedAt = performance.now();
    this.deadline = this.startedAt + timeoutMs;
  }

  /** Made when it is first asked for: most handlers never do. */
  get signal(): AbortSignal {
    if (!this.controller) {
      this.controller = new AbortController();
      if (this.abortReason) {
        this.controller.abort(this.abortReason);
      }
    }
    return this.controller.signal;
  }

  get aborted(): Error | undefined {
    return this.abortReason;
  }

  /** The first reason stays. */
  abort(reason: Error): void {
    if (!this.abortReason) {
      this.abortReason = reason;
      this.controller?.abort(reason);
    }
  }

  /** Its task is no longer its own: whatever the handler does, nothing is written. */
  lose(reason: Error): void {
    this.lost = true;
    this.abort(reason);
  }

  get durationMs(): number {
    return performance.now() - this.startedAt;
  }
}

/** What becomes of the beginning of a last attempt. */
export interface BeginHooks {
  /** It is written, or the attempt has lost its task. */
  begun(): void;
  /** It can't be written for now: the slot is another's. */
  withdraw(): void;
}

/** Where tasks are stored. */
export interface TaskOrigin {
  readonly shard: string;
  /** A task's id as the application knows it. */
  idOf(id: number): string;
}

/** What the handler sees of its attempt. */
export class TaskContext implements Task, CurrentTask {
  readonly id: string;
  readonly kind: number;
  readonly shard: string;
  readonly externalKey: string | null;
  readonly attempt: number;
  readonly attemptsLeft: number;
  readonly #name: string;
  readonly #attempt: Attempt;
  readonly #complete: CompleteIn;

  constructor(
    attempt: Attempt,
    place: TaskOrigin,
    name: string,
    readonly payload: unknown,
    complete: CompleteIn,
  ) {
    const { kind, externalKey, attemptsLeft } = attempt.claimed;
    this.id = place.idOf(attempt.id);
    this.shard = place.shard;
    this.kind = kind;
    this.#name = name;
    this.externalKey = externalKey;
    this.attempt = attempt.attempt;
    this.attemptsLeft = attemptsLeft;
    this.#attempt = attempt;
    this.#complete = complete;
  }

  /** @returns undefined for anything that is no context of an attempt */
  static attemptOf(task: object | undefined): Attempt | undefined {
    return task && #attempt in task ? task.#attempt : undefined;
  }

  /** The kind's; not of what a handler is promised. */
  get name(): string {
    return this.#name;
  }

  get signal(): AbortSignal {
    return this.#attempt.signal;
  }

  completeIn(transaction: Manager | Executor): Promise<void> {
    return this.#complete(this.#attempt, transaction);
  }
}

/** Of which attempt a context is. */
export const attemptOf = TaskContext.attemptOf;
