export * from './pg-queue-metrics.module.js';
export * from './pg-queue.metrics.js';
export {
  DEAD_TUPLES,
  KIND_PAUSED,
  OLDEST_DUE_AGE,
  OLDEST_TRANSACTION_AGE,
  SHARD_UP,
  SNAPSHOT_AGE,
  STORED_TASKS,
  WORKERS,
  WORKERS_LOST,
} from './cluster-gauges.js';
export {
  ABANDONED_HANDLERS,
  ATTEMPT_DURATION,
  CONNECTION_FAILURES_TOTAL,
  FETCH_DURATION,
  LEASES_LOST_TOTAL,
  QUEUE_WAIT,
  RECONNECTS_TOTAL,
  SETTLE_DURATION,
  SLOTS,
  TASKS_TOTAL,
  WAKE_UPS_TOTAL,
} from './definitions.js';
