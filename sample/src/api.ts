import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { PgQueueDashboardModule } from 'nestjs-pgqueue/dashboard';
import { InfrastructureModule } from './infrastructure.module.js';
import { OrdersController } from './orders/orders.controller.js';
import { OrdersService } from './orders/orders.service.js';
import { serve } from './serve.js';

/** Takes orders and pushes tasks. It has no handlers, so it runs none; its dashboard shows those of all processes. */
@Module({
  imports: [
    InfrastructureModule,
    // The shop listens to this machine alone. Where others reach it, authorize has to find out who they are. The name that it was
    // called by keeps out pages of other sites, whose own names may be made to lead here.
    PgQueueDashboardModule.forRoot({
      authorize: ({ headers }) => /^(127\.0\.0\.1|localhost):\d+$/.test(headers.host ?? ''),
    }),
  ],
  controllers: [OrdersController],
  providers: [OrdersService],
})
class ApiModule {}

await serve('api', ApiModule);
