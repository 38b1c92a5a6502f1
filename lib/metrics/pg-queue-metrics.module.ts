import { type DynamicModule, Module, type Provider } from '@nestjs/common';
import { getToken, makeCounterProvider, makeHistogramProvider } from '@willsoto/nestjs-prometheus';
import { Counter, Histogram, register, type Registry } from 'prom-client';
import { ATTEMPT_DURATION, PgQueueMetrics, TASKS_TOTAL } from './pg-queue.metrics.js';

/** The options of `PgQueueMetricsModule.register`. */
export interface PgQueueMetricsOptions {
  /** Where the metrics are kept; one of its own for each of several applications in a process. Default: prom-client's global one. */
  registry?: Registry;
  /** Stands before the metrics' names, with an underscore. Default: none. */
  prefix?: string;
}

const TASKS = {
  name: TASKS_TOTAL,
  help: 'What happened to tasks, by kind and status',
  labelNames: ['kind', 'status'],
};

const DURATION = {
  name: ATTEMPT_DURATION,
  help: 'How long attempts took, by kind',
  labelNames: ['kind'],
  /** From a millisecond to five minutes. */
  buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300],
};

/**
 * The queue's Prometheus metrics. Import it beside `PgQueueModule` and `PrometheusModule.register()`, whose `customMetricPrefix`
 * it heeds when that module is global; or by `register`, to name another registry or a prefix of its own.
 * @publicApi
 */
@Module({
  providers: [makeCounterProvider(TASKS), makeHistogramProvider(DURATION), PgQueueMetrics],
  exports: [PgQueueMetrics],
})
export class PgQueueMetricsModule {
  /** The metrics in a registry, or with a prefix, of their own. */
  static register({ registry = register, prefix }: PgQueueMetricsOptions = {}): DynamicModule {
    const nameOf = (name: string) => (prefix ? `${prefix}_${name}` : name);
    const provide = <C extends { name: string }>(
      config: C,
      create: (config: C & { registers: Registry[] }) => unknown,
    ): Provider => {
      const name = nameOf(config.name);
      return {
        provide: getToken(config.name),
        useFactory: () =>
          registry.getSingleMetric(name) ?? create({ ...config, name, registers: [registry] }),
      };
    };
    return {
      module: PgQueueMetricsModule,
      providers: [
        provide(TASKS, (config) => new Counter(config)),
        provide(DURATION, (config) => new Histogram(config)),
      ],
    };
  }
}
