import { errorOf, type Outcome, settledAs, UNCLAIMED } from '../../task/outcome.js';
import type { AttemptName, SettledAs } from '../../task/task-name.js';
import { type Settlement, settlementOf } from '../../task/settlement.js';
import type { Attempt, TaskOrigin } from '../run/attempt.js';
import type { WorkerPool } from '../run/worker-pool.js';

/** An ended attempt on its way to the database. */
export interface SettlerEntry {
  readonly settlement: Settlement;
  readonly leaseId: number;
  /** The attempt as events name it. */
  readonly task: AttemptName;
  readonly as: SettledAs;
  readonly durationMs: number;
  readonly error?: unknown;
  /** The handler may have settled it in its own transaction: then finding it settled is no loss. */
  readonly completed: boolean;
  /** The id of the transaction in which it did so last, as far as its answer came. */
  readonly completedIn?: string | undefined;
  /** A write of it may have been committed though its answer never came. */
  uncertain: boolean;
}

export function entryOf(
  attempt: Attempt,
  outcome: Outcome,
  pool: WorkerPool,
  place: TaskOrigin,
): SettlerEntry {
  const { kind, name, options } = pool;
  const { leaseId, durationMs, completed, completedIn, lost } = attempt;
  // Of one that has lost its task nothing is written.
  const written = lost && !completed ? UNCLAIMED : outcome;
  return {
    settlement: settlementOf(attempt, written, options, (invalid) => pool.reportInvalid(invalid)),
    leaseId,
    task: { kind, name, id: place.idOf(attempt.id), attempt: attempt.attempt },
    as: lost ? 'lost' : settledAs(outcome),
    durationMs,
    error: lost ? attempt.aborted : errorOf(outcome),
    completed,
    completedIn,
    uncertain: false,
  };
}
