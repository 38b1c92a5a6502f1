import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { InfrastructureModule } from './infrastructure.module.js';
import { MailHandler } from './mail/mail.handler.js';
import { ExpireHandler } from './orders/expire.handler.js';
import { ChargeHandler } from './payments/charge.handler.js';
import { PaymentProvider } from './payments/payment-provider.js';
import { serve } from './serve.js';

/** Runs tasks; over HTTP it answers only how it is. Start as many as you like. */
@Module({
  imports: [InfrastructureModule],
  providers: [ChargeHandler, ExpireHandler, MailHandler, PaymentProvider],
})
class WorkerModule {}

await serve('worker', WorkerModule);
