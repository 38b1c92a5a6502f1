export { PgQueueModule } from './pg-queue.module.js';
export type { PgQueueModuleOptions } from './pg-queue.options.js';
export type { ShardsOptions } from './shards.options.js';
export type { PgQueueOptionsFactory } from './pg-queue.module-definition.js';
export { QueueService } from './queue.service.js';
export { QueueAdmin } from './admin/queue-admin.js';
export type { TaskOptions } from './admin/decoded-task.js';
export type { ActionOptions, ActionResult, RefusedTask, RetryActionOptions } from './admin/task-actions.js';
export { TaskHandler } from './handlers/task-handler.decorator.js';
export {
  isPgQueueContext,
  PG_QUEUE_CONTEXT,
  type HandlerEnhancers,
} from './handlers/task-handler.invoker.js';
export type { HandlerFunction } from './handlers/registered-handler.js';
export {
  PgQueueHealthIndicator,
  type PgQueueHealthOptions,
  type PgQueueHealthResult,
} from './health/pg-queue.health.js';
export { TaskConsoleLogger } from './task-console-logger.js';
export { createPgQueueMigrations, pgQueueMigrations } from '../migrations/index.js';
export { defineTask, type KindRef, type PayloadOf, type TaskDefinition } from './task/task-definition.js';
export {
  type Backoff,
  equalJitter,
  exponentialBackoff,
  type ExponentialBackoffOptions,
  fullJitter,
  type Jitter,
  noJitter,
} from './task/backoff.js';
export type { EncodedPayloadInfo, PayloadCodec } from './task/payload-codec.js';
export { currentTask, type CurrentTask } from './task/current-task.js';
export type { Duration } from './task/duration.js';
export type { KindSlots } from './task/kind-slots.js';
export type { KindOptions, Live, LoopOptions } from './task/kind-options.js';
export type { NewTask, Priority, PushOptions, PushResult, RetryOptions, Task } from './task/task.js';
export type { ActivityOptions, ActivityPoint, KindActivity, Percentiles } from './task/activity.js';
export type { Explanation } from './task/explanation.js';
export type { PageOptions, TaskFilter } from './task/task-filter.js';
export type {
  KindCounts,
  KindSettings,
  KindView,
  RunningAttempt,
  SlotCounts,
  TaskCount,
  TaskDetail,
  TaskPage,
  TaskSummary,
  TimelineEntry,
  WorkerView,
} from './task/task-view.js';
export type {
  ActionFilter,
  ActionRecord,
  ActionSource,
  ActorOptions,
  OperatorAction,
} from './task/action-record.js';
export type { MetricStatus, TaskStatus } from './task/task-status.js';
export type { ShardKey } from './task/shard.js';
export type { Executor, Manager, ShardOptions, TransactionOptions } from './task/transaction.js';
export type {
  AttemptName,
  ConnectionRole,
  RefusalName,
  RefusedStep,
  InShard,
  KindName,
  ProcessQueueEvent,
  QueueEvent,
  QueueEventListener,
  SettledAs,
  TaskQueueEvent,
} from './task/queue-events.js';
export {
  DatabaseError,
  DuplicateKindError,
  InvalidManagerError,
  InvalidOptionError,
  InvalidTaskError,
  LeaseLostError,
  MustCancelTaskError,
  MustIgnoreTaskError,
  NoAnswerError,
  OutcomeUnknownError,
  PgQueueError,
  PushOutcomeUnknownError,
  SchemaMismatchError,
  ShardsFailedError,
  ShutdownError,
  SnoozeTaskError,
  TaskCancelledError,
  TaskPayloadError,
  TaskTimeoutError,
  UnexpectedTaskKindError,
  UnsupportedHandlerError,
} from './task/task.errors.js';
