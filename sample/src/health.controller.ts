import { Controller, Get } from '@nestjs/common';
import { HealthCheck, HealthCheckService } from '@nestjs/terminus';
import { PgQueueHealthIndicator } from 'nestjs-pgqueue/health';
import { DatabasesHealthIndicator } from './databases.health.js';

@Controller('health')
export class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly databases: DatabasesHealthIndicator,
    private readonly queue: PgQueueHealthIndicator,
  ) {}

  @Get()
  @HealthCheck()
  check() {
    return this.health.check([
      () => this.databases.isHealthy('databases'),
      () => this.queue.isHealthy('pgqueue'),
    ]);
  }
}
