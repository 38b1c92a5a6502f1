import { Controller, Get, Injectable, Logger, Module } from '@nestjs/common';
import { HealthCheck, HealthCheckService, TerminusModule } from '@nestjs/terminus';
import { PrometheusModule } from '@willsoto/nestjs-prometheus';
import { PgQueueHealthIndicator, QueueService } from 'nestjs-pgqueue';
import { PgQueueMetricsModule } from 'nestjs-pgqueue/metrics';

// #region metrics
@Module({ imports: [PrometheusModule.register(), PgQueueMetricsModule] })
export class MetricsModule {}
// #endregion

// #region health
@Controller('health')
export class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly queue: PgQueueHealthIndicator,
  ) {}

  @Get()
  @HealthCheck()
  ready() {
    return this.health.check([() => this.queue.isHealthy('queue', { maxOldestDueAge: '10m' })]);
  }

  @Get('live')
  @HealthCheck()
  live() {
    return this.health.check([() => this.queue.isLive('queue')]);
  }
}
// #endregion

@Module({ imports: [TerminusModule, MetricsModule], controllers: [HealthController] })
export class ObservabilityModule {}

// #region events
@Injectable()
export class SlowAttempts {
  private readonly logger = new Logger(SlowAttempts.name);

  constructor(queue: QueueService) {
    queue.subscribe((event) => {
      if (event.type === 'attempt-settled' && event.durationMs > 5000) {
        this.logger.warn(`${event.name}: task ${event.id} took ${event.durationMs} ms`);
      }
    });
  }
}
// #endregion
