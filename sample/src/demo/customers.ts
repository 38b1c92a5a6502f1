import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Customer, Intent } from './plan.js';

/** What the API answered to an order. */
export interface PlacedOrder {
  /** Also of an order that was rolled back, so that its traces can be looked for. */
  id: string;
  accepted: boolean;
}

/** How a customer fared. */
export interface Visit {
  readonly cameAt: Date;
  /** How often they were turned away and tried again. */
  errors: number;
  /** In the end, all that they wanted was answered. */
  served: boolean;
}

interface Answer {
  status: number;
  body: { id?: string; orderId?: string; status?: string };
}

/** How many customers of a database are in the shop at once: on a slow machine they come later instead of ever more of them. */
const CROWD = 20;
/** Patience for a machine that has other things to do. */
const ANSWER_TIMEOUT_MS = 60_000;
const TRY_AGAIN_MS = 250;
/** What they pay with; the others don't, or not yet. */
const CARDS: Partial<Record<Intent, string>> = {
  pays: 'tok_ok',
  'wants a poster': 'tok_ok',
  'is declined': 'tok_declined',
};

/** Places the orders of one database's customers over HTTP. */
export class Customers {
  readonly placed: PlacedOrder[] = [];
  readonly visits: Visit[] = [];
  /** Answers that no customer should get. */
  readonly problems: string[] = [];
  /** How many wanted to pay when their order had expired already, as happens on a slow machine. */
  tooLate = 0;
  /** Their database has crashed: from then on they are not surprised by errors, and try again. */
  knowOfCrash = false;

  constructor(
    private readonly url: string,
    private readonly plan: readonly Customer[],
  ) {}

  /** @param payAfterMs when those who pay later do */
  async arrive(durationMs: number, payAfterMs: number): Promise<void> {
    const startedAt = performance.now();
    const queue = this.plan.values();
    const payments: Promise<void>[] = [];
    const buyInTurn = async () => {
      // One iterator for all: each takes the next who is due.
      for (const customer of queue) {
        await pause(Math.max(0, startedAt + customer.comesAt * durationMs - performance.now()));
        const visit: Visit = { cameAt: new Date(), errors: 0, served: false };
        this.visits.push(visit);
        const id = await this.attend(customer, visit, () => this.order(customer, visit));
        if (id !== undefined && customer.intent === 'pays later') {
          const pay = () => pause(payAfterMs).then(() => this.pay(id, visit));
          payments.push(this.attend(customer, visit, pay));
        }
      }
    };
    await Promise.all(Array.from({ length: CROWD }, buyInTurn));
    await Promise.all(payments);
  }

  /** Asks for receipts again. @returns how many requests found that the mail was on its way already */
  async askForReceipts(orderIds: readonly string[]): Promise<number> {
    const answers = await Promise.all(orderIds.map((id) => this.post(`/orders/${id}/receipt`, {})));
    return answers.filter(({ body }) => body.status === 'duplicate').length;
  }

  private async attend<T>(customer: Customer, visit: Visit, want: () => Promise<T>): Promise<T | undefined> {
    visit.served = false;
    try {
      const got = await want();
      visit.served = true;
      return got;
    } catch (error) {
      this.problems.push(`${customer.email}: ${String(error)}`);
      return undefined;
    }
  }

  private async order({ intent, sku, quantity, email }: Customer, visit: Visit): Promise<string> {
    const order = { sku, quantity, email, card: CARDS[intent], requestId: randomUUID() };
    const { status, body } = await this.postPatiently('/orders', order, visit);
    if (status !== 201 && status !== 409) {
      throw new Error(`answered ${status} ${JSON.stringify(body)}`);
    }
    const accepted = status === 201;
    const id = accepted ? body.id! : body.orderId!;
    this.placed.push({ id, accepted });
    return id;
  }

  private async pay(id: string, visit: Visit): Promise<void> {
    const { status, body } = await this.postPatiently(`/orders/${id}/pay`, { card: 'tok_ok' }, visit);
    if (status === 409) {
      this.tooLate++;
    } else if (status !== 202) {
      throw new Error(`its payment was answered ${status} ${JSON.stringify(body)}`);
    }
  }

  /** Sends the same again for as long as the answer is an error, or gets lost, that a crash explains. */
  private async postPatiently(path: string, body: unknown, visit: Visit): Promise<Answer> {
    for (const deadline = performance.now() + ANSWER_TIMEOUT_MS; ; await pause(TRY_AGAIN_MS)) {
      const answer = await this.post(path, body);
      if (answer.status < 500 || !this.knowOfCrash || performance.now() > deadline) {
        return answer;
      }
      visit.errors++;
    }
  }

  private async post(path: string, body: unknown): Promise<Answer> {
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
