import type { AttemptRef } from './settlement.js';
import type { CarriedFields } from './task-draft.js';

/** A position in the order of one (kind, priority): due time in microseconds since the epoch, then id. */
export interface Position {
  readonly runAt: number;
  readonly id: number;
}

/** One (kind, priority) to look at, from its cursor on. */
export interface LevelRequest {
  readonly priority: number;
  readonly cursor: Position;
}

/** The position that a process's claims have reached in one (kind, priority). */
export interface LevelPosition {
  readonly kind: number;
  readonly priority: number;
  readonly position: Position;
}

export interface KindRequest {
  readonly kind: number;
  /** Free slots: no more than this is claimed. */
  readonly free: number;
  /** In the order of priority. */
  readonly levels: readonly LevelRequest[];
}

export interface ClaimRequest {
  /** The claim's number, which no other claim has. */
  readonly claimId: number;
  readonly leaseId: number;
  readonly kinds: readonly KindRequest[];
  /** No more tasks than this in all. */
  readonly limit: number;
  /** Whether the claim takes a transaction id even when nothing is claimed: the cursor needs one now and then. */
  readonly forceXid: boolean;
  /** Whether the claim also returns when the next delayed task is due. */
  readonly findNextDue: boolean;
}

/** The limits of a claim: it leaves due tasks beyond them. */
export interface ClaimLimits {
  /** No more bytes of payloads than this. */
  readonly maxBytes: number;
  /** Whether the sizes of payloads are read before any row is taken. */
  readonly isSized: boolean;
  /** These tasks are passed over. */
  readonly except: readonly number[];
}

/** A task that a claim would take. */
export interface DueTask {
  readonly id: number;
  readonly kind: number;
  readonly priority: number;
  /** When it is, or was, due, in microseconds since the epoch. */
  readonly runAt: number;
}

/** A task as a claim hands it out. */
export interface ClaimedTask extends DueTask, CarriedFields {
  /** How many attempts are left once this one has begun. 0: it is the last, and is recorded as begun before its handler runs. */
  readonly attemptsLeft: number;
  /** Counts from 1. */
  readonly attempt: number;
  readonly externalKey: string | null;
  readonly payload: unknown;
  /** The size of the payload; undefined where all payloads of the claim were small. */
  readonly bytes?: number | undefined;
}

export interface ClaimAnswer {
  /** In the order of kind, priority, due time and id. */
  readonly tasks: readonly ClaimedTask[];
  /** False when the lease has ended: nothing was claimed, though tasks were due. */
  readonly leaseHeld: boolean;
  /** False when some of the due rows were changed while the claim ran, so that it found them and could not take them. */
  readonly isComplete: boolean;
  /** The start of the claim's transaction by the database's clock, in microseconds since the epoch. */
  readonly now: number;
  /** `xmin:xmax:xip,…` */
  readonly snapshot: string;
  /** The claim's own transaction id, when it has one. */
  readonly xid: number | null;
  /** A number that changes when every process must reset its cursors. */
  readonly rewind: string;
  /** Milliseconds until the next delayed task is due; null when there is none, or the request did not want it. */
  readonly nextDueMs: number | null;
}

/** A task that this process holds, as far as the database knows, and the claim that took it. */
export interface HeldTask extends AttemptRef {
  readonly kind: number;
}

/** The result of a claim that has limits. */
export interface LimitedAnswer extends ClaimAnswer {
  /** Other transactions held rows that were due: they were passed over. */
  readonly hasSkipped: boolean;
  /** More tasks are due than fit. */
  readonly isCut: boolean;
  /** All payloads together are larger than the limit and were left out: the tasks must be released. */
  readonly isWithheld: boolean;
}
