import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { PgQueueModule, pgQueueMigrations, QueueService } from '../../dist/lib/index.js';

/** @param {string} url */
export async function createApp(url) {
  class AppModule {}
  Module({
    imports: [
      TypeOrmModule.forRoot({
        type: 'postgres',
        url,
        migrations: [...pgQueueMigrations],
        migrationsRun: true,
        poolSize: 20,
      }),
      PgQueueModule.forRoot({ autoStart: false }),
    ],
  })(AppModule);
  const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error'] });
  return { app, queue: app.get(QueueService), dataSource: app.get(DataSource) };
}
