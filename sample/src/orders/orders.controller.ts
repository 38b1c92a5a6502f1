import { Body, Controller, Get, HttpCode, Param, ParseUUIDPipe, Post } from '@nestjs/common';
import { z } from 'zod';
import type { Order } from './order.entity.js';
import { OrdersService } from './orders.service.js';

const card = z.enum(['tok_ok', 'tok_declined']);
const PlaceOrderBody = z.object({
  sku: z.string().min(1),
  quantity: z.int().min(1).max(100),
  email: z.email(),
  card: card.optional(),
  requestId: z.uuid().optional(),
});
const PayBody = z.object({ card });

@Controller('orders')
export class OrdersController {
  constructor(private readonly orders: OrdersService) {}

  @Post()
  place(@Body({ schema: PlaceOrderBody }) body: z.infer<typeof PlaceOrderBody>): Promise<Order> {
    return this.orders.place(body);
  }

  @Get()
  latest(): Promise<Order[]> {
    return this.orders.latest();
  }

  @Get(':id')
  find(@Param('id', ParseUUIDPipe) id: string): Promise<Order> {
    return this.orders.find(id);
  }

  @Post(':id/pay')
  @HttpCode(202)
  pay(
    @Param('id', ParseUUIDPipe) id: string,
    @Body({ schema: PayBody }) body: z.infer<typeof PayBody>,
  ): Promise<void> {
    return this.orders.pay(id, body.card);
  }

  @Post(':id/receipt')
  @HttpCode(202)
  async receipt(@Param('id', ParseUUIDPipe) id: string): Promise<{ status: string }> {
    return { status: await this.orders.sendReceipt(id) };
  }
}
