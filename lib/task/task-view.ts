import type { TaskStatus } from './task-status.js';
import type { ReportedKindSettings } from './worker-report.js';

/** A task as a list shows it. */
export interface TaskSummary {
  readonly id: string;
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

/** One task with all that its row tells. */
export interface TaskDetail extends TaskSummary {
  readonly payload: unknown;
  /** The last messages that its kind keeps, oldest first. */
  readonly errors: readonly string[];
  readonly timeline: readonly TimelineEntry[];
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
  readonly pausedAt: Date | null;
  /** Live worker processes that handle it. */
  readonly processes: number;
  readonly slots: SlotCounts;
  /** As the process that started last has them; null when none is alive. */
  readonly settings: KindSettings | null;
}

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

/** A worker process as its last heartbeat left it. */
export interface WorkerView {
  readonly leaseId: number;
  readonly worker: string;
  readonly host: string | null;
  readonly pid: number | null;
  readonly version: string | null;
  readonly startedAt: Date;
  readonly heartbeatAt: Date;
  readonly silentMs: number;
  /** Silent for so long that it may be dead; its tasks are rescued then. */
  readonly lost: boolean;
  readonly kinds: readonly (SlotCounts & { readonly kind: number; readonly name: string })[];
  readonly running: readonly RunningAttempt[];
}
