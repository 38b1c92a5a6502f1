import { Module } from '@nestjs/common';
import { makeCounterProvider, makeHistogramProvider } from '@willsoto/nestjs-prometheus';
import { ATTEMPT_DURATION, PgQueueMetrics, TASKS_TOTAL } from './pg-queue.metrics.js';

/** From a millisecond to five minutes. */
const DURATION_BUCKETS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300];

/**
 * The queue's Prometheus metrics. Import it beside `PgQueueModule` and `PrometheusModule.register()`.
 * @publicApi
 */
@Module({
  providers: [
    makeCounterProvider({
      name: TASKS_TOTAL,
      help: 'What happened to tasks, by kind and status',
      labelNames: ['kind', 'status'],
    }),
    makeHistogramProvider({
      name: ATTEMPT_DURATION,
      help: 'How long attempts took, by kind',
      labelNames: ['kind'],
      buckets: DURATION_BUCKETS,
    }),
    PgQueueMetrics,
  ],
  exports: [PgQueueMetrics],
})
export class PgQueueMetricsModule {}
