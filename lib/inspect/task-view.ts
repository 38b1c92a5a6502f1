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

/** A task as its row tells of it, without what only the application knows. */
export type StoredSummary = Omit<TaskSummary, 'name' | 'shard'>;

/** One task with all that its row tells. */
export interface TaskDetail extends TaskSummary {
  /** Null where it is longer than was asked for. */
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

/** A moment in the life of a task; null where the row does not tell when. */
export interface TimelineEntry {
  readonly event: 'pushed' | 'failed' | 'started' | 'due' | 'finished';
  readonly at: Date | null;
  readonly text: string;
}

/** Some of the tasks that a filter means, and where the others begin. */
export interface TaskPage {
  readonly tasks: readonly TaskSummary[];
  /** For `after`; null when there are no more. A page may be short, or empty, with more to search behind it. */
  readonly next: string | null;
  /** How many tasks were looked at for this page. */
  readonly examined: number;
  /**
   * How old the page may be, in ms: 0 from a master, from a replica how long ago its last replayed transaction was committed, by
   * the clocks of both servers. That is an upper bound, which grows while nothing is written. Null where a replica can't tell.
   */
  readonly ageMs: number | null;
}

/** A number of tasks. */
export interface TaskCount {
  readonly count: number;
  /** Estimated from a sample of the table: there are at least as many as could be counted in short time. */
  readonly approximate: boolean;
}

/** The stored tasks of one kind. */
export interface KindCounts {
  readonly kind: number;
  readonly name: string;
  readonly statuses: Readonly<Record<TaskStatus, TaskCount>>;
  /** Since when the task that waits the longest has been due; null when none waits. */
  readonly oldestDueAt: Date | null;
}

/** The slots of a kind, in one process or in all. */
export interface SlotCounts {
  readonly capacity: number;
  readonly busy: number;
  /** Since when no slot was free at any heartbeat; null when one is. */
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
  /** As the process that started last has them; null when none is alive. */
  readonly settings: KindSettings | null;
}

/** Since when a kind is paused, and where it is not. */
export type KindPause = Pick<KindView, 'pausedAt' | 'unpausedIn'>;

/** The options of a kind, in the process that told of them. A live one is null while reading it fails. */
export type KindSettings = ReportedKindSettings;

/** An attempt that a worker process has told of: those that run for a second or longer, the oldest 50. */
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
  /** Its tasks of this shard are rescued, whatever it does in others. */
  readonly lost: boolean;
}

/** A worker process as its last heartbeat, in whichever shard, left it. */
export interface WorkerView {
  /** Which process it is, in every shard. */
  readonly id: string;
  /** In the first of its shards. */
  readonly leaseId: number;
  readonly worker: string;
  readonly host: string | null;
  readonly pid: number | null;
  readonly version: string | null;
  readonly startedAt: Date;
  readonly heartbeatAt: Date;
  readonly silentMs: number;
  /** Silent everywhere, for so long that it may be dead; its tasks are rescued then. */
  readonly lost: boolean;
  /** Its lease in each shard that was asked. */
  readonly shards: readonly WorkerShard[];
  readonly kinds: readonly (SlotCounts & { readonly kind: number; readonly name: string })[];
  readonly running: readonly RunningAttempt[];
}

/** What a database stores of a worker process that works in it. */
export type StoredWorkerView = Omit<WorkerView, 'id' | 'lost' | 'kinds' | 'running' | 'shards'>;

/** A database of the queue, and how it fares. */
export interface ShardView {
  readonly name: string;
  /** It was asked, and has answered. */
  readonly reachable: boolean;
  /** Why it could not be asked; null when it could. */
  readonly error: string | null;
  /** It takes no new tasks. */
  readonly draining: boolean;
  /** How old what is read there may be, in ms, as of a `TaskPage`; null when that can't be told. */
  readonly ageMs: number | null;
  /** When it was asked, by its own clock, which all times of its tasks are by; null when it could not be. */
  readonly now: Date | null;
}
