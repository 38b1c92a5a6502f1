export { PgQueueModule } from './nest/pg-queue.module.js';
export type { PgQueueModuleOptions } from './cluster/queue.options.js';
export type { ShardsOptions } from './cluster/shards.options.js';
export type { PgQueueOptionsFactory } from './nest/pg-queue.module-definition.js';
export { QueueService } from './nest/queue.service.js';
export { PartialFailureError } from './cluster/partial-failure.error.js';
export { QueueAdmin } from './cluster/admin/queue-admin.js';
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
} from './nest/health/pg-queue.health.js';
export { TaskConsoleLogger } from './nest/task-console-logger.js';
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
export type { Duration } from './timing/duration.js';
export type { KindSlots } from './inspect/kind-slots.js';
export type { KindOptions, Live, LoopOptions } from './task/kind-options.js';
export type {
  NewTask,
  Priority,
  PushOptions,
  PushResult,
  RetryOptions,
  ShardKey,
  ShardOptions,
  Task,
} from './task/task.js';
export type { ActivityOptions, ActivityPoint, KindActivity } from './inspect/activity.js';
export type { Explanation } from './inspect/explanation.js';
export type { Percentiles } from './inspect/histogram.js';
export type { PageOptions, TaskFilter } from './inspect/task-filter.js';
export type {
  KindCounts,
  KindSettings,
  KindView,
  RunningAttempt,
  SlotCounts,
  TaskCount,
  TaskDetail,
  TaskOptions,
  TaskPage,
  TaskSummary,
  TimelineEntry,
  WorkerView,
} from './inspect/task-view.js';
export type { ActionFilter, ActionRecord, ActionSource, OperatorAction } from './events/action-record.js';
export type {
  ActionOptions,
  ActionResult,
  ActorOptions,
  RefusedTask,
  RetryActionOptions,
} from './inspect/operator-action.js';
export type { MetricStatus } from './events/metric-status.js';
export type { TaskStatus } from './task/task-status.js';
export type { Executor, Manager, TransactionOptions } from './task/transaction.js';
export type {
  ConnectionRole,
  RefusalName,
  RefusedStep,
  InShard,
  ProcessQueueEvent,
  QueueEvent,
  QueueEventListener,
  TaskQueueEvent,
} from './events/queue-events.js';
export type { AttemptName, KindName, SettledAs } from './task/task-name.js';
export * from './errors/pg-queue.errors.js';
