import type { ClaimedTask } from '../../task/claim.js';
import type { InstrumentedAttempt } from '../../events/instrumentation.js';
import type { AttemptRef } from '../../task/settlement.js';
import { SlotRun } from './slot-run.js';

/** One attempt at a task: which one it is, and what is known of its outcome. Its slot and its time are those of its run. */
export class Attempt extends SlotRun implements AttemptRef {
  readonly id: number;
  /** Attempts count from 1. */
  readonly number: number;
  /** Whether the handler may have settled the task in a transaction of its own: the row decides, since that may have rolled back. */
  completed = false;
  /** The id of the transaction in which the handler did so last. */
  completedIn: string | undefined;
  /** Whether the lease is gone: then nothing is written, whatever the handler does. */
  lost = false;
  instrumented: InstrumentedAttempt | undefined;

  constructor(
    readonly claimed: ClaimedTask,
    readonly claimId: number,
    readonly leaseId: number,
  ) {
    super();
    this.id = claimed.id;
    this.number = claimed.attempt;
  }

  /** Whether no other attempt follows: a last attempt is used up once it has begun, and not before. */
  get isLast(): boolean {
    return this.claimed.attemptsLeft === 0;
  }

  /** Its task is no longer its own: whatever the handler does, nothing is written. */
  lose(reason: Error): void {
    this.lost = true;
    this.abort(reason);
  }
}
