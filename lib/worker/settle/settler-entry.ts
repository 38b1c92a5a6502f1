import { errorOf, type Outcome, settledAs, UNCLAIMED } from '../../task/outcome.js';
import type { AttemptName, SettledAs } from '../../task/task-name.js';
import type { RunnableKindOptions } from '../../task/kind-options.js';
import { type Settlement, settlementOf } from '../../task/settlement.js';
import type { Attempt } from '../run/attempt.js';
import type { TaskOrigin } from '../task-origin.js';

/** The kind of an attempt, as far as its outcome depends on it. */
export interface SettledKind {
  readonly kind: number;
  readonly name: string;
  readonly options: RunnableKindOptions;
  /** A live option, or the backoff, has failed. */
  reportInvalid(error: unknown): void;
}

/** An ended attempt on its way to the database. */
export interface SettlerEntry {
  readonly settlement: Settlement;
  readonly leaseId: number;
  /** The attempt as events name it. */
  readonly task: AttemptName;
  readonly as: SettledAs;
  readonly durationMs: number;
  readonly error?: unknown;
  /** Whether the handler may have settled it in its own transaction: then finding it settled is no loss. */
  readonly completed: boolean;
  /** The id of the transaction in which it did so last, as far as its answer came. */
  readonly completedIn?: string | undefined;
  /** Whether a write of it may have been committed though its answer never came. */
  uncertain: boolean;
}

export function entryOf(
  attempt: Attempt,
  outcome: Outcome,
  of: SettledKind,
  origin: TaskOrigin,
): SettlerEntry {
  const { kind, name, options } = of;
  const { leaseId, durationMs, completed, completedIn, lost } = attempt;
  // Nothing is written for an attempt that has lost its task.
  const written = lost && !completed ? UNCLAIMED : outcome;
  return {
    settlement: settlementOf(attempt, written, options, (invalid) => of.reportInvalid(invalid)),
    leaseId,
    task: { kind, name, id: origin.idOf(attempt.id), attempt: attempt.number },
    as: lost ? 'lost' : settledAs(outcome),
    durationMs,
    error: lost ? attempt.aborted : errorOf(outcome),
    completed,
    completedIn,
    uncertain: false,
  };
}
