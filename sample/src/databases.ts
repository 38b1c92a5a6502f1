import type { Provider } from '@nestjs/common';
import { getDataSourceToken } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { config } from './config.js';
import { ShardMap, shardNames } from './shards.js';

export const shards = new ShardMap(shardNames(config.databaseUrls.length));

/** The shop's databases, by what belongs into them. */
export class Databases {
  private readonly byName: ReadonlyMap<string, DataSource>;

  constructor(dataSources: readonly DataSource[]) {
    this.byName = new Map(shards.names.map((name, index) => [name, dataSources[index]!]));
  }

  /** By its name, as in `task.shard`: where a task is, there are the order, the customer and the stock that it is about. */
  of(shard: string): DataSource {
    return this.byName.get(shard)!;
  }

  ofOrder(id: string): DataSource {
    return this.of(shards.ofOrder(id));
  }

  get all(): ReadonlyMap<string, DataSource> {
    return this.byName;
  }
}

export const databasesProvider: Provider = {
  provide: Databases,
  inject: shards.names.map((name) => getDataSourceToken(name)),
  useFactory: (...dataSources: DataSource[]) => new Databases(dataSources),
};
