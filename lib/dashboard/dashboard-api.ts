import type { ActionResult } from '../inspect/operator-action.js';
import type { ActivityPoint, KindActivity } from '../inspect/activity.js';
import type { Explanation } from '../inspect/explanation.js';
import type { PageOptions, TaskFilter } from '../inspect/task-filter.js';
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
 * The requests of the pages and the responses of the server, below the path of the dashboard:
 *
 *   GET  api/session                       Session
 *   GET  api/overview                      Overview
 *   GET  api/overview/stream               server-sent events: `overview` with an Overview, `trouble` with an ErrorResponse
 *   GET  api/tasks?kind=1&status=new&…     TaskAnswer; the fields of TaskQuery
 *   GET  api/tasks/:id                     TaskPageOfOne, or 404; a slash in the id may be encoded
 *   GET  api/workers                       WorkerAnswer
 *   POST api/tasks/:action                 an ActionRequest; returns an ActionAnswer
 *   POST api/kinds/:kind/pause|resume      returns a PauseResult
 *
 * A response names the shards that are missing in it. Times are ISO 8601 strings. A request that fails has a status of 400 or more and
 * an ErrorResponse.
 */

/** The visitor and what the visitor may do. */
export interface Session {
  /** The name that `authorize` returned; null when it returned none. */
  readonly user: string | null;
  readonly access: DashboardAccess;
  /** The kinds whose tasks the visitor may change; null: all. */
  readonly actsOn: readonly number[] | null;
  /** Payloads are redacted: lists show none of them, and can't be searched by their text. */
  readonly redacted: boolean;
  /** The names of the shards; a queue in one database has one. */
  readonly shards: readonly string[];
}

/** A shard that failed, with a message that a visitor may see. */
export interface MissingShard {
  readonly shard: string;
  readonly message: string;
}

/** A response that is merged from shards. */
export interface OfShards {
  /** The shards that are missing in it; left out when there is none. */
  readonly missing?: readonly MissingShard[];
}

export type DashboardAccess = 'full' | 'read-only';

/** The queue at one moment; its kinds have tasks, workers or a pause, and are in the order of their numbers. */
export interface Overview {
  /** By the database's clock, as all times of tasks are. */
  readonly at: Date;
  /** At most 300 kinds; of more, those that most need attention. */
  readonly kinds: readonly OverviewKind[];
  /** At least this many kinds are left out; more than 10,000 are estimated from a sample. */
  readonly moreKinds: number;
  /** Of all kinds. */
  readonly totals: Pick<OverviewKind, 'statuses'> & { readonly busy: number; readonly capacity: number };
  /** Of all kinds, minute by minute of the last hour. */
  readonly throughput: readonly ActivityPoint[];
  /** The numbers of live worker processes, and of those that may be dead. */
  readonly workers: { readonly live: number; readonly lost: number };
  readonly shards: readonly OverviewShard[];
}

/** A shard of the queue with its tasks of all kinds. */
export interface OverviewShard extends Pick<ShardView, 'name' | 'draining' | 'ageMs'> {
  /** Why the shard is missing in the overview; null when it is not missing. */
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
  /** When the task that waits the longest became due; null when no task waits. */
  readonly oldestDueAt: Date | null;
}

/** A filter as strings, as in a URL; several ids or statuses are separated by commas, and times are ISO 8601. */
export type FilterQuery = Partial<Record<keyof TaskFilter, string>>;

/** The filter and the page of a list in a URL. */
export type TaskQuery = FilterQuery & Partial<Record<keyof PageOptions, string>>;

export interface TaskAnswer extends TaskPage, OfShards {}

export interface WorkerAnswer extends OfShards {
  readonly workers: readonly WorkerView[];
}

export interface ActionAnswer extends ActionResult, OfShards {}

/** The longest payload that is sent, in bytes; `task.payload` is null when it is longer, and `task.payloadBytes` is its length. */
export const MAX_PAYLOAD_BYTES = 256 * 1024;

export interface TaskPageOfOne {
  readonly task: TaskDetail;
  readonly explanation: Explanation;
}

export const DASHBOARD_ACTIONS = ['retry', 'cancel', 'delete', 'runNow'] as const;
export type DashboardAction = (typeof DASHBOARD_ACTIONS)[number];

/** Which tasks to change, named by at least one field. */
export interface ActionRequest {
  readonly filter: FilterQuery;
  /** The most tasks to change, 1 to 100,000. Default 1,000. */
  readonly limit?: number;
}

export interface PauseResult extends OfShards {
  /** False when the kind was paused, or not paused, already. */
  readonly changed: boolean;
}

export interface ErrorResponse {
  readonly message: string;
}

/** A value as JSON carries it. */
export type Json<T> = T extends Date ? string : T extends object ? { [Name in keyof T]: Json<T[Name]> } : T;

export type { WorkerView };
export { MAX_REPORTED_ATTEMPTS } from '../inspect/worker-report.js';
export {
  type ListClass,
  STATUS_FACTS,
  STATUSES,
  statusesOfClass,
  type TaskStatus,
} from '../task/task-status.js';

/** Required for each request that changes something: a page of another site cannot send it without a CORS preflight. */
export const CHANGE_HEADER = 'x-pgqueue-dashboard';
