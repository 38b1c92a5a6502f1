import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { PgQueueModule, pgQueueMigrations } from 'nestjs-pgqueue';
import { Mailer } from './mailer.js';
import { SignUp } from './sign-up.js';
import { User } from './user.entity.js';

@Module({
  imports: [
    TypeOrmModule.forRoot({
      type: 'postgres',
      url: process.env.DATABASE_URL,
      entities: [User],
      synchronize: true, // for the tour; the queue's own tables come from its migrations
      migrations: [...pgQueueMigrations],
      migrationsRun: true,
    }),
    PgQueueModule.forRoot(),
  ],
  providers: [SignUp, Mailer],
})
export class AppModule {}
