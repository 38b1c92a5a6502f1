import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { PgQueueModule, pgQueueMigrations } from 'nestjs-pgqueue';
import { PgQueueDashboardModule } from 'nestjs-pgqueue/dashboard';

class AppModule {}
Module({
  imports: [
    TypeOrmModule.forRoot({
      type: 'postgres',
      url: process.env.DATABASE_URL,
      migrations: [...pgQueueMigrations],
      migrationsRun: true,
    }),
    PgQueueModule.forRoot(),
    PgQueueDashboardModule.forRoot({ authorize: () => true }),
  ],
})(AppModule);

const app = await NestFactory.create(AppModule, { logger: false });
await app.listen(0, '127.0.0.1');
const page = await fetch(`${await app.getUrl()}/pgqueue`);
console.log(page.status, page.headers.get('content-type'));
await app.close();
