export * from './pg-queue-metrics.module.js';
export * from './pg-queue.metrics.js';
