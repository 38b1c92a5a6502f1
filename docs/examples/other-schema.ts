import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { createPgQueueMigrations, PgQueueModule } from 'nestjs-pgqueue';

@Module({
  imports: [
    TypeOrmModule.forRoot({
      type: 'postgres',
      url: process.env.DATABASE_URL,
      migrations: [...createPgQueueMigrations({ schema: 'queue' })],
      migrationsRun: true,
    }),
    PgQueueModule.forRoot({ schema: 'queue' }),
  ],
})
export class AppModule {}
