import { Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { TypeOrmModule } from '@nestjs/typeorm';
import { PrometheusModule } from '@willsoto/nestjs-prometheus';
import { PgQueueModule } from 'nestjs-pgqueue';
import { PgQueueMetricsModule } from 'nestjs-pgqueue/metrics';
import { PgQueueTracingModule } from 'nestjs-pgqueue/tracing';
import { config } from './config.js';
import { dataSources } from './data-sources.js';
import { DatabasesHealthIndicator } from './databases.health.js';
import { Databases, databasesProvider, shards } from './databases.js';
import { HealthController } from './health.controller.js';

/** What the API and the workers have in common: the databases, the queue, GET /health and GET /metrics. */
@Module({
  imports: [
    ...dataSources.map((options) => TypeOrmModule.forRoot(options)),
    PgQueueModule.forRoot({
      // A shop with one database needs none of this; this one also runs with several, with the same handlers.
      shards: { names: shards.names, shardOf: (orderId) => shards.ofOrder(String(orderId)) },
      workerName: config.workerName,
      shutdownTimeout: '10s',
    }),
    PgQueueMetricsModule,
    // Its spans go to whatever OpenTelemetry SDK the process is started with, as by NODE_OPTIONS; without one, nowhere.
    PgQueueTracingModule,
    // Those that prom-client brings by default have names that Prometheus' own linter warns of.
    PrometheusModule.register({ defaultMetrics: { enabled: false } }),
    TerminusModule,
  ],
  controllers: [HealthController],
  providers: [databasesProvider, DatabasesHealthIndicator],
  exports: [Databases],
})
export class InfrastructureModule {}
