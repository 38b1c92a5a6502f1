export * from './pg-queue-metrics.module.js';
export * from './pg-queue.metrics.js';
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
