import { Injectable } from '@nestjs/common';
import { type HealthIndicatorResult, HealthIndicatorService, TypeOrmHealthIndicator } from '@nestjs/terminus';
import { Databases } from './databases.js';

/** Up while any of the databases answers: one that is down is no reason to send the customers of the others away. */
@Injectable()
export class DatabasesHealthIndicator {
  constructor(
    private readonly databases: Databases,
    private readonly database: TypeOrmHealthIndicator,
    private readonly indicators: HealthIndicatorService,
  ) {}

  async isHealthy<Key extends string>(key: Key): Promise<HealthIndicatorResult<Key>> {
    const pings = await Promise.all(
      [...this.databases.all].map(([name, connection]) => this.database.pingCheck(name, { connection })),
    );
    const details = Object.assign({}, ...pings) as HealthIndicatorResult;
    const indicator = this.indicators.check(key);
    return Object.values(details).some(({ status }) => status === 'up')
      ? indicator.up(details)
      : indicator.down(details);
  }
}
