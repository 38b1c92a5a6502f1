import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { InfrastructureModule } from './infrastructure.module.js';
import { OrdersController } from './orders/orders.controller.js';
import { OrdersService } from './orders/orders.service.js';
import { serve } from './serve.js';

/** Takes orders and pushes tasks. It has no handlers, so it runs none. */
@Module({
  imports: [InfrastructureModule],
  controllers: [OrdersController],
  providers: [OrdersService],
})
class ApiModule {}

await serve('api', ApiModule);
