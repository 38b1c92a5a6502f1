import type { ShardKey } from 'nestjs-pgqueue';
import type { DataSource } from 'typeorm';
import { shardOf, type ShardSettings } from './shard-settings.js';

/** The application's DataSources, by what is in them. */
export class Databases {
  constructor(
    private readonly settings: ShardSettings,
    private readonly dataSources: readonly DataSource[],
  ) {}

  /** By its name, such as `task.shard`. */
  of(shard: string): DataSource {
    return this.dataSources[Object.keys(this.settings.urls).indexOf(shard)]!;
  }

  ofCustomer(customerId: ShardKey): DataSource {
    return this.of(shardOf(customerId, this.settings));
  }
}
