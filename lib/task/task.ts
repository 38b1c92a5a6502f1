import type { Duration } from '../timing/duration.js';
import type { KindRef } from './task-definition.js';
import type { Executor, Manager, TransactionOptions } from './transaction.js';

/** What an application spreads its data by, such as the id of a customer. */
export type ShardKey = string | number | bigint;

/** What a handler receives: one attempt of one task. */
export interface Task<Payload = unknown> {
  /** The same for all attempts, and of no other task in any shard: an idempotency key for effects elsewhere. */
  readonly id: string;
  readonly kind: number;
  /** The name of the shard that it is stored in, where its data are too; `'default'` without shards, unless the DataSource has another name. */
  readonly shard: string;
  /** As it was pushed, or what the definition's schema made of it. */
  readonly payload: Payload;
  readonly externalKey: string | null;
  /** Counts from 1. */
  readonly attempt: number;
  /** How many attempts are left after this one. */
  readonly attemptsLeft: number;
  /** Aborted at time-out, cancel, loss of the lease and shutdown; `signal.reason` says which. */
  readonly signal: AbortSignal;
  /**
   * Settles the task as succeeded inside the handler's own transaction, so that its effects and the outcome commit together.
   * @throws LeaseLostError when the attempt no longer holds its lease: let it roll the transaction back.
   */
  completeIn(transaction: Manager | Executor): Promise<void>;
}

/** Where a task belongs: in the shard of the `manager`, or in the one that the application's `shardOf` names for `shardKey`. */
export interface ShardOptions extends TransactionOptions {
  /** With several shards a push needs it unless it has a `manager`; with a single database it says nothing. */
  shardKey?: ShardKey;
}

/** A task to push. */
export interface NewTask<Payload = any> {
  /** A definition, or the number of a kind that this process handles. */
  kind: KindRef<Payload>;
  /** What JSON carries, at most 1 MiB of it unless `maxPayloadBytes` says otherwise. */
  payload: Payload;
  /** (kind, externalKey) is unique among all stored tasks; absent or null: no uniqueness. At most 512 bytes. */
  externalKey?: string | null;
  /** Says to which shard the task belongs, over that of the push. */
  shardKey?: ShardKey;
}

/** Urgency among the due tasks of one kind: 0 runs first, 9 last. */
export type Priority = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9;

/** How tasks are pushed. */
export interface PushOptions extends ShardOptions {
  /** How long after the database's now the task is due: milliseconds or a text such as `'1h'`, at most 100 years. Default 0. */
  delay?: Duration;
  /** 0 (first) to 9. Default 5. */
  priority?: Priority;
  /**
   * What a push does when (kind, externalKey) is stored already: `'ignore'` (default) stores nothing and reports `duplicate`;
   * `'replace'` re-arms a stored task that is not being processed with the new payload, delay, priority and attempts.
   */
  onConflict?: 'ignore' | 'replace';
}

/** What became of a pushed task. */
export interface PushResult {
  /** The stored task's id; null for a duplicate that this transaction can't see. */
  id: string | null;
  /**
   * `duplicate`: (kind, externalKey) was stored already, and nothing was changed. `failed`, in a `PartialFailureError` only: it is
   * not known to be stored, as its shard failed while others did not.
   */
  status: 'pushed' | 'duplicate' | 'failed';
  /** The shard that failed. */
  shard?: string;
}

/** Which tasks `retryTasks` takes, and what they get. */
export interface RetryOptions extends ShardOptions {
  /** How many attempts each task gets. Default: the kind's `maxAttempts`. */
  attempts?: number;
  /** At most so many tasks, the oldest first. Default 1,000. */
  limit?: number;
}

export const MIN_PRIORITY = 0;
export const MAX_PRIORITY = 9;
export const DEFAULT_PRIORITY = 5;

/** Fields that a task to push may have. */
export const TASK_FIELDS: ReadonlySet<string> = new Set<keyof NewTask>([
  'kind',
  'payload',
  'externalKey',
  'shardKey',
]);

/** Options that a push may have. */
export const PUSH_OPTIONS: ReadonlySet<string> = new Set<keyof PushOptions>([
  'delay',
  'priority',
  'onConflict',
  'manager',
  'executor',
  'shardKey',
]);
