import { setTimeout as pause } from 'node:timers/promises';
import type { Branch } from './branch.js';
import { type Check, check } from './outcome.js';
import { crashServer, startServer } from './servers.js';
import { sumOf } from './sums.js';

/** One of the servers crashes while customers come, and is back some seconds later. */
export class Outage {
  private readonly hit: Branch;
  private readonly others: readonly Branch[];
  private from = new Date(0);
  private to = new Date(0);

  /** The database with the most customers is hit. */
  constructor(private readonly branches: readonly Branch[]) {
    const [hit, ...others] = branches.toSorted((a, b) => b.plan.customers.length - a.plan.customers.length);
    this.hit = hit!;
    this.others = others;
  }

  async run(durationMs: number, say: (line: string) => void): Promise<void> {
    const server = this.branches.indexOf(this.hit);
    this.hit.customers.knowOfCrash = true;
    this.from = new Date();
    await crashServer(server);
    say(`       the server of database ${this.hit.name} has crashed`);
    await pause(durationMs);
    this.to = new Date();
    await startServer(server);
    say(`       the server of database ${this.hit.name} is back`);
  }

  checks(): Check[] {
    const turnedAway = this.hit.customers.visits.filter(({ errors }) => errors > 0);
    const meanwhile = this.others
      .flatMap(({ customers }) => customers.visits)
      .filter(({ cameAt }) => cameAt >= this.from && cameAt <= this.to);
    return [
      check(
        'customers turned away, and served later',
        turnedAway.length,
        turnedAway.filter(({ served }) => served).length,
      ),
      check(
        'customers of the other databases, served at once',
        meanwhile.length,
        meanwhile.filter(({ served, errors }) => served && errors === 0).length,
      ),
    ];
  }

  async describe(): Promise<string> {
    const { from, to } = this;
    const figures = await Promise.all(this.others.map(({ database, ids }) => database.during(ids, from, to)));
    const { placed, paid } = sumOf(figures);
    const errors = this.hit.customers.visits.reduce((sum, visit) => sum + visit.errors, 0);
    const seconds = ((to.getTime() - from.getTime()) / 1000).toFixed(1);
    return (
      `  Database ${this.hit.name} was down for ${seconds} s, in which its customers got ${errors} errors and tried again. Meanwhile\n` +
      `  the other databases took ${placed} orders, and ${paid} were paid there.\n`
    );
  }
}
