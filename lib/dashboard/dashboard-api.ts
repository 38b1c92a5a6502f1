import type { ActionResult } from '../admin/task-actions.js';
import type { ActivityPoint, KindActivity } from '../inspect/activity.js';
import type { Explanation } from '../inspect/explanation.js';
import type { TaskStatus } from '../task/task-status.js';
import type {
  KindView,
  ShardView,
  TaskCount,
  TaskDetail,
  TaskPage,
  WorkerView,
} from '../inspect/task-view.js';

/*
 * What the pages and the server say to each other, under the path of the dashboard:
 *
 *   GET  api/session                       Session
 *   GET  api/overview                      Overview
 *   GET  api/overview/stream               server-sent events: `overview` with an Overview, `trouble` with a Refusal
 *   GET  api/tasks?kind=1&status=new&…     TaskAnswer; the fields of TaskQuery
 *   GET  api/tasks/:id                     TaskPageOfOne, or 404; a slash in the id may be encoded
 *   GET  api/workers                       WorkerAnswer
 *   POST api/tasks/:action                 an ActionRequest; answers an ActionAnswer
 *   POST api/kinds/:kind/pause|resume      answers a PauseResult
 *
 * Of several shards some may be away: an answer tells which are missing in it. Times are ISO 8601 texts. Whatever is refused has a status of 400 or more and a Refusal.
 */

/** What the visitor may do. */
export interface Session {
  /** Who he is, where `authorize` says so. */
  readonly user: string | null;
  readonly access: DashboardAccess;
  /** The kinds whose tasks he may change; null: all. */
  readonly actsOn: readonly number[] | null;
  /** Payloads are redacted: lists show none of them, and can't be searched by their text. */
  readonly redacted: boolean;
  /** The names of the shards; a queue in one database has one. */
  readonly shards: readonly string[];
}

/** A shard that could not be asked, and why as far as a visitor may know. */
export interface MissingShard {
  readonly shard: string;
  readonly message: string;
}

/** What is known of several shards. */
export interface OfShards {
  /** Those that have no part in it, where there are any. */
  readonly missing?: readonly MissingShard[];
}

export type DashboardAccess = 'full' | 'read-only';

/** The kinds at one moment: those that have tasks, workers or a pause, by their numbers. */
export interface Overview {
  /** By the database's clock, as all times of tasks are. */
  readonly at: Date;
  /** 300 at most: of more, those that need to be seen. */
  readonly kinds: readonly OverviewKind[];
  /** At least so many are not among them: of more than 10,000, a sample tells. */
  readonly moreKinds: number;
  /** Of all kinds. */
  readonly totals: Pick<OverviewKind, 'statuses'> & { readonly busy: number; readonly capacity: number };
  /** Of all kinds, minute by minute of the last hour. */
  readonly throughput: readonly ActivityPoint[];
  /** Worker processes: those that report, and those that may be dead. */
  readonly workers: { readonly live: number; readonly lost: number };
  readonly shards: readonly OverviewShard[];
}

/** A shard of the queue: its tasks of all kinds. */
export interface OverviewShard extends Pick<ShardView, 'name' | 'draining' | 'ageMs'> {
  /** Why nothing of it is in the overview; null when it is there. */
  readonly problem: string | null;
  readonly statuses: Readonly<Record<TaskStatus, TaskCount>>;
  readonly oldestDueAt: Date | null;
}

export interface OverviewKind
  extends
    Pick<KindView, 'kind' | 'name' | 'pausedAt' | 'unpausedIn' | 'processes' | 'slots' | 'settings'>,
    Pick<KindActivity, 'wait' | 'run'> {
  readonly statuses: Readonly<Record<TaskStatus, TaskCount>>;
  /** Empty where nothing happened in the last hour. */
  readonly points: KindActivity['points'];
  /** Since when the task that waits the longest has been due; null when none waits. */
  readonly oldestDueAt: Date | null;
}

/** The filter of a list in a URL; several ids or statuses are separated by commas. */
export type TaskQuery = Partial<
  Record<
    | 'kind'
    | 'shard'
    | 'status'
    | 'id'
    | 'externalKey'
    | 'text'
    | 'createdFrom'
    | 'createdTo'
    /** 1 to 500. */
    | 'limit'
    | 'after',
    string
  >
>;

export interface TaskAnswer extends TaskPage, OfShards {}

export interface WorkerAnswer extends OfShards {
  readonly workers: readonly WorkerView[];
}

export interface ActionAnswer extends ActionResult, OfShards {}

/** A longer payload is not sent: `task.payload` is null then, and `task.payloadBytes` says how long it is. */
export const MAX_PAYLOAD_BYTES = 256 * 1024;

export interface TaskPageOfOne {
  readonly task: TaskDetail;
  readonly explanation: Explanation;
}

export const DASHBOARD_ACTIONS = ['retry', 'cancel', 'delete', 'runNow'] as const;
export type DashboardAction = (typeof DASHBOARD_ACTIONS)[number];

/** Which tasks to change, named by at least one field. */
export interface ActionRequest {
  readonly filter: Omit<TaskQuery, 'limit' | 'after'>;
  /** At most so many, 1 to 100,000. Default 1,000. */
  readonly limit?: number;
}

export interface PauseResult extends OfShards {
  /** False when the kind was already as asked for. */
  readonly changed: boolean;
}

export interface ErrorResponse {
  readonly message: string;
}

/** A value as JSON carries it. */
export type Json<T> = T extends Date
  ? string
  : T extends (infer Item)[]
    ? Json<Item>[]
    : T extends readonly (infer Item)[]
      ? readonly Json<Item>[]
      : T extends object
        ? { [Name in keyof T]: Json<T[Name]> }
        : T;

export type { WorkerView };
export { MAX_REPORTED_ATTEMPTS } from '../inspect/worker-report.js';
export {
  type ListClass,
  STATUS_FACTS,
  STATUSES,
  statusesOfClass,
  type TaskStatus,
} from '../task/task-status.js';

/** Every request that changes something carries it: other sites can't send it along without being asked first. */
export const CHANGE_HEADER = 'x-pgqueue-dashboard';
