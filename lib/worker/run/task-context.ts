import type { CurrentTask } from '../../task/current-task.js';
import type { Task } from '../../task/task.js';
import type { Executor, Manager } from '../../task/transaction.js';
import type { TaskOrigin } from '../task-origin.js';
import type { Attempt } from './attempt.js';
import type { Completer } from './completer.js';

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
  readonly #completer: Pick<Completer, 'complete'>;

  constructor(
    attempt: Attempt,
    origin: TaskOrigin,
    name: string,
    readonly payload: unknown,
    completer: Pick<Completer, 'complete'>,
  ) {
    const { kind, externalKey, attemptsLeft } = attempt.claimed;
    this.id = origin.idOf(attempt.id);
    this.shard = origin.name;
    this.kind = kind;
    this.#name = name;
    this.externalKey = externalKey;
    this.attempt = attempt.number;
    this.attemptsLeft = attemptsLeft;
    this.#attempt = attempt;
    this.#completer = completer;
  }

  /** @returns undefined for anything that is no context of an attempt */
  static attemptOf(task: object | undefined): Attempt | undefined {
    return task && #attempt in task ? task.#attempt : undefined;
  }

  /** The name of the kind, which handlers are not promised. */
  get name(): string {
    return this.#name;
  }

  get signal(): AbortSignal {
    return this.#attempt.signal;
  }

  completeIn(transaction: Manager | Executor): Promise<void> {
    return this.#completer.complete(this.#attempt, transaction);
  }
}

/** Returns the attempt that a context belongs to. */
export const attemptOf = TaskContext.attemptOf;
