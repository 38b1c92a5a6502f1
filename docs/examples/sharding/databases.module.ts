import { type DynamicModule, Global, Module } from '@nestjs/common';
import { getDataSourceToken, TypeOrmModule } from '@nestjs/typeorm';
import { PgQueueModule, pgQueueMigrations } from 'nestjs-pgqueue';
import type { DataSource } from 'typeorm';
import { Databases } from './databases.js';
import { Letter } from './letter.entity.js';
import { shardOf, type ShardSettings } from './shard-settings.js';

@Global()
@Module({})
export class DatabasesModule {
  static forRoot(settings: ShardSettings): DynamicModule {
    const names = Object.keys(settings.urls);
    return {
      module: DatabasesModule,
      imports: [
        ...names.map((name) =>
          TypeOrmModule.forRoot({
            type: 'postgres',
            name, // of the DataSource, and so of the shard
            url: settings.urls[name],
            entities: [Letter],
            synchronize: true, // for the example; the queue's own tables come from its migrations
            migrations: [...pgQueueMigrations],
            migrationsRun: true,
          }),
        ),
        PgQueueModule.forRootAsync({
          useFactory: () => ({
            shards: { names, shardOf: (key) => shardOf(key, settings), draining: settings.draining },
          }),
        }),
      ],
      providers: [
        {
          provide: Databases,
          inject: names.map((name) => getDataSourceToken(name)),
          useFactory: (...dataSources: DataSource[]) => new Databases(settings, dataSources),
        },
      ],
      exports: [Databases],
    };
  }
}
