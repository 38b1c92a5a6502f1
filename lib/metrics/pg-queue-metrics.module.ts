import { type DynamicModule, Module, type Provider } from '@nestjs/common';
import {
  getToken,
  makeCounterProvider,
  makeGaugeProvider,
  makeHistogramProvider,
} from '@willsoto/nestjs-prometheus';
import { Counter, Gauge, Histogram, register, type Registry } from 'prom-client';
import { COUNTERS, GAUGES, HISTOGRAMS } from './definitions.js';
import { PgQueueMetrics } from './pg-queue.metrics.js';
import { PgQueueProcessMetrics } from './pg-queue-process.metrics.js';

/** The options of `PgQueueMetricsModule.register`. */
export interface PgQueueMetricsOptions {
  /** Where the metrics are kept; one of its own for each of several applications in a process. Default: prom-client's global one. */
  registry?: Registry;
  /** Stands before the metrics' names, with an underscore. Default: none. */
  prefix?: string;
}

/**
 * The queue's Prometheus metrics. Import it beside `PgQueueModule` and `PrometheusModule.register()`, whose `customMetricPrefix`
 * it heeds when that module is global; or by `register`, to name another registry or a prefix of its own.
 * @publicApi
 */
@Module({
  providers: [
    ...COUNTERS.map((config) => makeCounterProvider(config)),
    ...HISTOGRAMS.map((config) => makeHistogramProvider(config)),
    ...GAUGES.map((config) => makeGaugeProvider(config)),
    PgQueueMetrics,
    PgQueueProcessMetrics,
  ],
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
        ...COUNTERS.map((own) => provide(own, (config) => new Counter(config))),
        ...HISTOGRAMS.map((own) => provide(own, (config) => new Histogram(config))),
        ...GAUGES.map((own) => provide(own, (config) => new Gauge(config))),
      ],
    };
  }
}
