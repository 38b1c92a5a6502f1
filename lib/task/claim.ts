import type { CarriedFields } from './task-draft.js';

/** A place in the order of one (kind, priority): due time in microseconds since the epoch, then id. */
export interface Position {
  readonly runAt: number;
  readonly id: number;
}

/** One (kind, priority) to look at, from its cursor on. */
export interface LevelRequest {
  readonly priority: number;
  readonly cursor: Position;
}

/** How far a process's claims have come in one (kind, priority). */
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
  /** Take a transaction id even when nothing is claimed: the cursor needs one now and then. */
  readonly forceXid: boolean;
  /** Answer when the next delayed task is due. */
  readonly findNextDue: boolean;
}

/** What a claim leaves, though it is due. */
export interface ClaimLimits {
  /** No more bytes of payloads than this. */
  readonly maxBytes: number;
  /** Look at the sizes of payloads before any row is taken. */
  readonly isSized: boolean;
  /** These tasks are passed over. */
  readonly except: readonly number[];
}

/** A task that a claim would take. */
export interface DueTask {
  readonly id: number;
  readonly kind: number;
  readonly priority: number;
  /** As a claimed task's. */
  readonly runAt: number;
}

/** A task as a claim hands it out. */
export interface ClaimedTask extends CarriedFields {
  readonly id: number;
  readonly kind: number;
  readonly priority: number;
  /** When it was due, in microseconds since the epoch. */
  readonly runAt: number;
  /** Once this attempt has begun. 0: it is the last, and the database is to be told before it begins. */
  readonly attemptsLeft: number;
  /** Counts from 1. */
  readonly attempt: number;
  readonly externalKey: string | null;
  readonly payload: unknown;
  /** Of its payload; missing where all of the claim were small. */
  readonly bytes?: number | undefined;
}

export interface ClaimAnswer {
  /** In the order of kind, priority, due time and id. */
  readonly tasks: readonly ClaimedTask[];
  /** False when the lease has been taken away: nothing was claimed, though tasks were due. */
  readonly leaseHeld: boolean;
  /** False when some of the due rows were changed while the claim ran, so that it found them and could not take them. */
  readonly isComplete: boolean;
  /** The start of the claim's transaction by the database's clock, in microseconds since the epoch. */
  readonly now: number;
  /** `xmin:xmax:xip,…` */
  readonly snapshot: string;
  /** The claim's own transaction id, when it has one. */
  readonly xid: number | null;
  /** Changes when every process must start its cursors anew. */
  readonly rewind: string;
  /** Milliseconds until the next delayed task is due; null when there is none, or it was not asked for. */
  readonly nextDueMs: number | null;
}

/** A task that this process holds, as far as the database knows, and the claim that took it. */
export interface HeldTask {
  readonly id: number;
  readonly kind: number;
  readonly claimId: number;
}

/** The answer of a claim that has limits. */
export interface LimitedAnswer extends ClaimAnswer {
  /** Other transactions held rows that were due: they were passed over. */
  readonly hasSkipped: boolean;
  /** More tasks are due than fit. */
  readonly isCut: boolean;
  /** The payloads of all together are more than fits, and were left out: the tasks are to be given back. */
  readonly isWithheld: boolean;
}
