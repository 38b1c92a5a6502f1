import { type DynamicModule, Module, type Provider } from '@nestjs/common';
import {
  getToken,
  makeCounterProvider,
  makeGaugeProvider,
  makeHistogramProvider,
} from '@willsoto/nestjs-prometheus';
import { Counter, Gauge, Histogram, register, type Registry } from 'prom-client';
import { type Duration, toTimerMilliseconds } from '../timing/duration.js';
import { CLUSTER_GAUGES } from './cluster-gauges.js';
import { COUNTERS, GAUGES, HISTOGRAMS } from './definitions.js';
import { PgQueueMetrics } from './pg-queue.metrics.js';
import { CLUSTER_GAUGE_LIST, PgQueueClusterMetrics, SNAPSHOT_PERIOD } from './pg-queue-cluster.metrics.js';
import { PgQueueProcessMetrics } from './pg-queue-process.metrics.js';

/** The options of `PgQueueMetricsModule.register`. */
export interface PgQueueMetricsOptions {
  /** The registry of the metrics. Several applications in one process need a registry each. Default: prom-client's global registry. */
  registry?: Registry;
  /** A prefix of the metrics' names, without the underscore that follows it. Default: none. */
  prefix?: string;
  /** How often one process reads the gauges of the whole queue for all processes. 1 s or more. Default 15 s. */
  snapshotPeriod?: Duration;
}

const DEFAULT_PERIOD_MS = 15_000;
const SHORTEST_PERIOD_MS = 1000;

/**
 * The queue's Prometheus metrics. Import it beside `PgQueueModule` and `PrometheusModule.register()`; it uses the `customMetricPrefix` of
 * that module when the module is global. Or import it by `register`, with another registry or prefix.
 * @publicApi
 */
@Module({
  providers: [
    ...COUNTERS.map((config) => makeCounterProvider(config)),
    ...HISTOGRAMS.map((config) => makeHistogramProvider(config)),
    ...GAUGES.map((config) => makeGaugeProvider(config)),
    PgQueueMetrics,
    PgQueueProcessMetrics,
    {
      provide: CLUSTER_GAUGE_LIST,
      inject: CLUSTER_GAUGES.map(({ name }) => getToken(name)),
      useFactory: (...gauges: Gauge[]) => gauges,
    },
    { provide: SNAPSHOT_PERIOD, useValue: DEFAULT_PERIOD_MS },
    PgQueueClusterMetrics,
  ],
  exports: [PgQueueMetrics],
})
export class PgQueueMetricsModule {
  /**
   * The metrics in a registry, or with a prefix, of their own.
   * @throws InvalidOptionError for a wrong period
   */
  static register({
    registry = register,
    prefix,
    snapshotPeriod = DEFAULT_PERIOD_MS,
  }: PgQueueMetricsOptions = {}): DynamicModule {
    const periodMs = toTimerMilliseconds('snapshotPeriod', snapshotPeriod, SHORTEST_PERIOD_MS);
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
        { provide: SNAPSHOT_PERIOD, useValue: periodMs },
      ],
    };
  }
}
