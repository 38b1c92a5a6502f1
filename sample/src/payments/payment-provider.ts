import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { config } from '../config.js';
import { Databases } from '../databases.js';

export class CardDeclinedError extends Error {}

export interface ChargeRequest {
  /** The provider charges once for each key, however often it is asked. */
  idempotencyKey: string;
  amountCents: number;
  card: string;
  signal: AbortSignal;
}

/**
 * Stands for a service at the other end of a bad network. It keeps its books in two tables that the shop itself never
 * reads, in transactions of its own: what it has charged stays charged when the shop rolls back. Those of an order are in the
 * order's database, so that one that is down stops no payments but its own.
 */
@Injectable()
export class PaymentProvider {
  constructor(private readonly databases: Databases) {}

  /** @returns the id of the charge */
  async charge(request: ChargeRequest): Promise<string> {
    await pause(50 + Math.random() * 150, undefined, { signal: request.signal });
    if (request.card === 'tok_declined') {
      await this.log(request, 'declined');
      throw new CardDeclinedError('the bank declined the card');
    }
    switch (this.fault()) {
      case 'refused':
        await this.log(request, 'refused');
        throw new Error('503 the payment provider is overloaded');
      case 'hangs':
        await this.log(request, 'hung');
        await pause(60_000, undefined, { signal: request.signal });
        break;
      case 'answer is lost':
        await this.book(request);
        await this.log(request, 'charged, answer lost');
        throw new Error('the connection to the payment provider broke');
    }
    const chargeId = await this.book(request);
    await this.log(request, 'charged');
    return chargeId;
  }

  private fault(): 'refused' | 'hangs' | 'answer is lost' | undefined {
    if (Math.random() >= config.failureRate) {
      return undefined;
    }
    const kind = Math.random();
    return kind < 0.6 ? 'refused' : kind < 0.8 ? 'hangs' : 'answer is lost';
  }

  private async book({ idempotencyKey, amountCents }: ChargeRequest): Promise<string> {
    const [{ id }] = await this.booksOf(idempotencyKey).query<[{ id: string }]>(
      `INSERT INTO provider_charge (idempotency_key, id, amount_cents) VALUES ($1, $2, $3)
       ON CONFLICT (idempotency_key) DO UPDATE SET id = provider_charge.id RETURNING id`,
      [idempotencyKey, `ch_${randomUUID()}`, amountCents],
    );
    return id;
  }

  private async log({ idempotencyKey }: ChargeRequest, answer: string): Promise<void> {
    await this.booksOf(idempotencyKey).query(
      'INSERT INTO provider_request (idempotency_key, answer) VALUES ($1, $2)',
      [idempotencyKey, answer],
    );
  }

  private booksOf(orderId: string): DataSource {
    return this.databases.ofOrder(orderId);
  }
}
