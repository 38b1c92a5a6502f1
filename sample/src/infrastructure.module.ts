import { Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { TypeOrmModule } from '@nestjs/typeorm';
import { PrometheusModule } from '@willsoto/nestjs-prometheus';
import { PgQueueModule } from 'nestjs-pgqueue';
import { PgQueueMetricsModule } from 'nestjs-pgqueue/metrics';
import { PgQueueTracingModule } from 'nestjs-pgqueue/tracing';
import { config } from './config.js';
import { databaseOptions } from './database.js';
import { HealthController } from './health.controller.js';

/** What the API and the workers have in common: the database, the queue, GET /health and GET /metrics. */
@Module({
  imports: [
    TypeOrmModule.forRoot(databaseOptions),
    PgQueueModule.forRoot({ workerName: config.workerName, shutdownTimeout: '10s' }),
    PgQueueMetricsModule,
    // Its spans go to whatever OpenTelemetry SDK the process is started with, as by NODE_OPTIONS; without one, nowhere.
    PgQueueTracingModule,
    // Those that prom-client brings by default have names that Prometheus' own linter warns of.
    PrometheusModule.register({ defaultMetrics: { enabled: false } }),
    TerminusModule,
  ],
  controllers: [HealthController],
})
export class InfrastructureModule {}
