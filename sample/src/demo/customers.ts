import { setTimeout as pause } from 'node:timers/promises';
import { type Intent, PRODUCTS } from './plan.js';

/** What the API answered to an order. */
export interface PlacedOrder {
  /** Also of an order that was rolled back, so that its traces can be looked for. */
  id: string;
  accepted: boolean;
}

/** How many customers are in the shop at once: on a slow machine they come later instead of ever more of them. */
const CROWD = 20;
/** Patience for a machine that has other things to do. */
const ANSWER_TIMEOUT_MS = 60_000;
/** What they pay with; the others don't, or not yet. */
const CARDS: Partial<Record<Intent, string>> = {
  pays: 'tok_ok',
  'wants a poster': 'tok_ok',
  'is declined': 'tok_declined',
};

/** Places the orders of the plan over HTTP. */
export class Customers {
  readonly placed: PlacedOrder[] = [];
  /** Answers that no customer should get. */
  readonly problems: string[] = [];
  /** How many wanted to pay when their order had expired already, as happens on a slow machine. */
  tooLate = 0;
  private readonly payments: Promise<void>[] = [];

  constructor(private readonly url: string) {}

  /** @param payAfterMs when those who pay later do */
  async arrive(intents: readonly Intent[], durationMs: number, payAfterMs: number): Promise<void> {
    const startedAt = performance.now();
    const queue = intents.entries();
    const buyInTurn = async () => {
      // One iterator for all: each takes the next who is due.
      for (const [index, intent] of queue) {
        const dueAt = startedAt + (index * durationMs) / intents.length;
        await pause(Math.max(0, dueAt - performance.now()));
        await this.order(intent, index, payAfterMs).catch((error: unknown) => this.complain(index, error));
      }
    };
    await Promise.all(Array.from({ length: CROWD }, buyInTurn));
    await Promise.all(this.payments);
  }

  /** Asks for receipts again. @returns how many requests found that the mail was on its way already */
  async askForReceipts(orderIds: readonly string[]): Promise<number> {
    const answers = await Promise.all(orderIds.map((id) => this.post(`/orders/${id}/receipt`, {})));
    return answers.filter(({ body }) => body.status === 'duplicate').length;
  }

  private async order(intent: Intent, index: number, payAfterMs: number): Promise<void> {
    const poster = intent === 'wants a poster';
    const { status, body } = await this.post('/orders', {
      sku: poster ? 'poster' : PRODUCTS[index % PRODUCTS.length],
      quantity: poster ? 1 : 1 + (index % 3),
      email: `customer-${index}@example.com`,
      card: CARDS[intent],
    });
    if (status === 201) {
      this.placed.push({ id: body.id!, accepted: true });
    } else if (status === 409) {
      this.placed.push({ id: body.orderId!, accepted: false });
    } else {
      throw new Error(`answered ${status} ${JSON.stringify(body)}`);
    }
    if (intent === 'pays later') {
      const paid = pause(payAfterMs).then(() => this.pay(body.id!));
      this.payments.push(paid.catch((error: unknown) => this.complain(index, error)));
    }
  }

  private async pay(id: string): Promise<void> {
    const { status, body } = await this.post(`/orders/${id}/pay`, { card: 'tok_ok' });
    if (status === 409) {
      this.tooLate++;
    } else if (status !== 202) {
      throw new Error(`its payment was answered ${status} ${JSON.stringify(body)}`);
    }
  }

  private complain(index: number, error: unknown): void {
    this.problems.push(`order ${index}: ${String(error)}`);
  }

  private async post(
    path: string,
    body: unknown,
  ): Promise<{ status: number; body: { id?: string; orderId?: string; status?: string } }> {
    const response = await fetch(this.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? {} : JSON.parse(text) };
  }
}
