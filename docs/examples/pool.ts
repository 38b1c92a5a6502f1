import { Global, Module, type OnApplicationShutdown } from '@nestjs/common';
import { PgQueueModule } from 'nestjs-pgqueue';
import pg from 'pg';

@Global()
@Module({
  providers: [
    { provide: pg.Pool, useFactory: () => new pg.Pool({ connectionString: process.env['DATABASE_URL'] }) },
  ],
  exports: [pg.Pool],
})
export class DatabaseModule implements OnApplicationShutdown {
  constructor(private readonly pool: pg.Pool) {}

  /** Later than the queue, which stops at `onModuleDestroy`. */
  async onApplicationShutdown() {
    await this.pool.end();
  }
}

@Module({
  imports: [
    DatabaseModule,
    PgQueueModule.forRootAsync({ inject: [pg.Pool], useFactory: (pool: pg.Pool) => ({ pool }) }),
  ],
})
export class AppModule {}
