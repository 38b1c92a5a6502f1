import type { TaskStatus } from '../task/task-status.js';
import type { ReportedKindSettings } from './worker-report.js';

/** A task as a list shows it. */
export interface TaskSummary {
  readonly id: string;
  /** The name of the shard that it is in: `'default'`, or that of the DataSource, where the queue has one only. */
  readonly shard: string;
  readonly kind: number;
  /** The kind's name as its workers have it, or `pgqueue-<kind>`. */
  readonly name: string;
  readonly status: TaskStatus;
  readonly priority: number;
  readonly externalKey: string | null;
  readonly attemptsElapsed: number;
  readonly attemptsLeft: number;
  readonly createdAt: Date;
  /** When it is, or was last, due. */
  readonly runAt: Date;
  /** When it succeeded, was cancelled, or used up its last attempt. */
  readonly finishedAt: Date | null;
  /** The first 300 characters of its JSON. */
  readonly payloadPreview: string;
  readonly lastError: string | null;
  /** The name of the worker process that has it; null when none has. */
  readonly worker: string | null;
}

/** A task as its row has it, without the fields that only the application knows. */
export type StoredSummary = Omit<TaskSummary, 'name' | 'shard'>;

/** One task with all that its row holds. */
export interface TaskDetail extends TaskSummary {
  /** Null when it is longer than `maxPayloadBytes`. */
  readonly payload: unknown;
  /** The length of its JSON as it is stored. */
  readonly payloadBytes: number;
  /** The last messages that its kind keeps, oldest first. */
  readonly errors: readonly string[];
  readonly timeline: readonly TimelineEntry[];
}

/** How `QueueAdmin.task` shows a task. */
export interface TaskOptions {
  /** Decode a payload that a codec has encoded. Default false: it is shown as it is stored. */
  decoded?: boolean;
  /** A payload that is stored longer is null. Default: none is. */
  maxPayloadBytes?: number;
}

/** An event in the life of a task; `at` is null when the row does not hold its time. */
export interface TimelineEntry {
  readonly event: 'pushed' | 'failed' | 'started' | 'due' | 'finished';
  readonly at: Date | null;
  readonly text: string;
}

/** A page of the tasks that match a filter. */
export interface TaskPage {
  readonly tasks: readonly TaskSummary[];
  /** The cursor for `after`; null behind the last task. A page may be short or empty although more tasks follow. */
  readonly next: string | null;
  /** How many tasks were examined for this page. */
  readonly examined: number;
  /**
   * How old the page may be, in ms. It is 0 from the primary; from a replica, the time since the commit of its last replayed
   * transaction, by the clocks of both servers: an upper bound, which grows while nothing is written. Null when it is unknown.
   */
  readonly ageMs: number | null;
}

/** A number of tasks. */
export interface TaskCount {
  readonly count: number;
  /** Whether the number is estimated from a sample of the table; it is never lower than the tasks that were counted. */
  readonly approximate: boolean;
}

/** The stored tasks of one kind. */
export interface KindCounts {
  readonly kind: number;
  readonly name: string;
  readonly statuses: Readonly<Record<TaskStatus, TaskCount>>;
  /** When the task that waits the longest became due; null when no task waits. */
  readonly oldestDueAt: Date | null;
}

/** The slots of a kind, in one process or in all. */
export interface SlotCounts {
  readonly capacity: number;
  readonly busy: number;
  /** Since when no slot was free at any heartbeat; null when a slot is free. */
  readonly fullSince: Date | null;
}

/** A kind that a live worker process handles, or that is paused. */
export interface KindView {
  readonly kind: number;
  readonly name: string;
  /** Since when, in the shard where it was paused first; null when it is paused in none. */
  readonly pausedAt: Date | null;
  /** The shards whose tasks of it are claimed although it is paused in others: `pause` it again, or `resume` it. Else empty. */
  readonly unpausedIn: readonly string[];
  /** Live worker processes that handle it. */
  readonly processes: number;
  readonly slots: SlotCounts;
  /** The settings of the live process that started last; null when no process is live. */
  readonly settings: KindSettings | null;
}

/** The pause of a kind. */
export type KindPause = Pick<KindView, 'pausedAt' | 'unpausedIn'>;

/** The options of a kind in the process that reported them. A live option is null while reading it fails. */
export type KindSettings = ReportedKindSettings;

/** An attempt that a worker process reports: one that has run for a second or longer, and is among the oldest 50. */
export interface RunningAttempt {
  readonly id: string;
  readonly kind: number;
  readonly name: string;
  readonly attempt: number;
  /** By the clock of the process. */
  readonly startedAt: Date;
}

/** The lease of a worker process in a shard. */
export interface WorkerShard {
  readonly shard: string;
  readonly leaseId: number;
  readonly heartbeatAt: Date;
  readonly silentMs: number;
  /** Whether its tasks of this shard are rescued; it may still work in other shards. */
  readonly lost: boolean;
}

/** A worker process as its last heartbeat, in whichever shard, left it. */
export interface WorkerView {
  /** Identifies the process in all shards. */
  readonly id: string;
  /** Its lease in the first of its shards. */
  readonly leaseId: number;
  readonly worker: string;
  readonly host: string | null;
  readonly pid: number | null;
  readonly version: string | null;
  readonly startedAt: Date;
  readonly heartbeatAt: Date;
  readonly silentMs: number;
  /** Whether it has been silent in all shards for so long that its tasks are rescued. */
  readonly lost: boolean;
  /** Its lease in each shard that was read. */
  readonly shards: readonly WorkerShard[];
  readonly kinds: readonly (SlotCounts & { readonly kind: number; readonly name: string })[];
  readonly running: readonly RunningAttempt[];
}

/** A worker process as the databases that it works in store it. */
export type StoredWorkerView = Omit<WorkerView, 'id' | 'lost' | 'kinds' | 'running' | 'shards'>;

/** A database of the queue, and its state. */
export interface ShardView {
  readonly name: string;
  /** Whether the database has responded. */
  readonly reachable: boolean;
  /** The error of a database that is not reachable; else null. */
  readonly error: string | null;
  /** Whether it takes no new tasks. */
  readonly draining: boolean;
  /** How old the data of its reads may be, in ms, as in `TaskPage`; null when it is unknown. */
  readonly ageMs: number | null;
  /** The time by its own clock, which the times of its tasks are by; null when it is not reachable. */
  readonly now: Date | null;
}
