import { setTimeout as pause } from 'node:timers/promises';
import type { Intent } from './plan.js';

/** What the API answered to an order. */
export interface PlacedOrder {
  /** Also of an order that was rolled back, so that its traces can be looked for. */
  id: string;
  accepted: boolean;
}

/** Places the orders of the plan over HTTP, as a crowd of independent customers would. */
export class Customers {
  readonly placed: PlacedOrder[] = [];
  /** Answers that no customer should get. */
  readonly problems: string[] = [];
  /** How many wanted to pay when their order had expired already, as happens on a slow machine. */
  tooLate = 0;

  constructor(private readonly url: string) {}

  /** @param payAfterMs when those who pay later do */
  async arrive(intents: readonly Intent[], durationMs: number, payAfterMs: number): Promise<void> {
    await Promise.all(
      intents.map(async (intent, index) => {
        await pause((index * durationMs) / intents.length);
        await this.order(intent, index, payAfterMs).catch((error: unknown) =>
          this.problems.push(`order ${index}: ${String(error)}`),
        );
      }),
    );
  }

  /** Asks for receipts again. @returns how many requests found that the mail was on its way already */
  async askForReceipts(orderIds: readonly string[]): Promise<number> {
    const answers = await Promise.all(orderIds.map((id) => this.post(`/orders/${id}/receipt`, {})));
    return answers.filter(({ body }) => body.status === 'duplicate').length;
  }

  private async order(intent: Intent, index: number, payAfterMs: number): Promise<void> {
    const card = { pays: 'tok_ok', 'wants a poster': 'tok_ok', 'is declined': 'tok_declined' }[
      intent as string
    ];
    const { status, body } = await this.post('/orders', {
      sku: intent === 'wants a poster' ? 'poster' : 'mug',
      quantity: intent === 'wants a poster' ? 1 : 1 + (index % 3),
      email: `customer-${index}@example.com`,
      card,
    });
    if (status === 201) {
      this.placed.push({ id: body.id!, accepted: true });
    } else if (status === 409) {
      this.placed.push({ id: body.orderId!, accepted: false });
    } else {
      throw new Error(`answered ${status} ${JSON.stringify(body)}`);
    }
    if (intent === 'pays later') {
      await pause(payAfterMs);
      const paid = await this.post(`/orders/${body.id}/pay`, { card: 'tok_ok' });
      if (paid.status === 409) {
        this.tooLate++;
      } else if (paid.status !== 202) {
        throw new Error(`its payment was answered ${paid.status} ${JSON.stringify(paid.body)}`);
      }
    }
  }

  private async post(
    path: string,
    body: unknown,
  ): Promise<{ status: number; body: { id?: string; orderId?: string; status?: string } }> {
    const response = await fetch(this.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(10_000),
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? {} : JSON.parse(text) };
  }
}
