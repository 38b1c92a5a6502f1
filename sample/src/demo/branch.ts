import type { ShopProcess } from '../processes.js';
import { Customers } from './customers.js';
import type { DemoDatabase } from './database.js';
import { type Outcome, readOutcome } from './outcome.js';
import type { Plan } from './plan.js';

export type Progress = Record<
  'orders' | 'paid' | 'declined' | 'expired' | 'rolledBack' | 'open' | 'running',
  number
>;

const RECEIPTS_ASKED_AGAIN = 20;

/** One of the shop's databases, and the customers who are in it. */
export class Branch {
  readonly customers: Customers;
  private seen: Pick<Progress, 'paid' | 'declined' | 'expired' | 'open' | 'running'> = {
    paid: 0,
    declined: 0,
    expired: 0,
    open: 0,
    running: 0,
  };
  private killedTasks: readonly string[] = [];

  constructor(
    readonly plan: Plan,
    readonly database: DemoDatabase,
    url: string,
  ) {
    this.customers = new Customers(url, plan.customers);
  }

  get name(): string {
    return this.plan.shard;
  }

  /** Of the orders of this run. */
  get ids(): string[] {
    return this.customers.placed.map(({ id }) => id);
  }

  /** While the database is down, what was seen last. */
  async progress(): Promise<Progress> {
    const { ids, database } = this;
    const { placed } = this.customers;
    const looked = Promise.all([database.orders(ids), database.openTasks(ids)]);
    this.seen = await looked.then(
      ([orders, tasks]) => ({ ...orders, ...tasks }),
      () => this.seen,
    );
    return {
      orders: placed.length,
      rolledBack: placed.filter(({ accepted }) => !accepted).length,
      ...this.seen,
    };
  }

  async isDrained(): Promise<boolean> {
    return (await this.database.openTasks(this.ids)).open === 0;
  }

  /** A worker was killed: remembers what it was at. @returns how many tasks that were */
  async rememberTasksOf(worker: ShopProcess): Promise<number> {
    this.killedTasks = await this.database.tasksOf(worker);
    return this.killedTasks.length;
  }

  /** A second click on "send me the receipt", twice at once. */
  async askForReceipts(): Promise<{ expected: number; found: number }> {
    const ids = await this.database.paidOrders(this.ids, RECEIPTS_ASKED_AGAIN);
    const found = await this.customers.askForReceipts([...ids, ...ids]);
    return { expected: 2 * ids.length, found };
  }

  async rescued(): Promise<{ expected: number; found: number }> {
    return { expected: this.killedTasks.length, found: await this.database.finished(this.killedTasks) };
  }

  outcome(): Promise<Outcome> {
    const { stock, expected } = this.plan;
    const { tooLate, placed } = this.customers;
    const accounted = { ...expected, paid: expected.paid - tooLate, expired: expected.expired + tooLate };
    return this.database.inSnapshot((client) => readOutcome(client, { expected: accounted, stock }, placed));
  }
}
