import { setTimeout as pause } from 'node:timers/promises';
import { config } from '../config.js';
import { migrate } from '../database.js';
import { ShopProcess } from '../processes.js';
import { Customers } from './customers.js';
import { DemoDatabase } from './database.js';
import { type Check, holds, readOutcome } from './outcome.js';
import { planOrders } from './plan.js';
import { describeOutcome, Progress } from './screen.js';

/**
 * Runs the shop with a crowd of customers, a payment provider that often fails and a worker that is killed, and proves
 * from the database that every order came out right. Ends with 1 when one did not.
 */
const ORDERS = wholeNumber('DEMO_ORDERS', 300);
const ARRIVAL_MS = wholeNumber('DEMO_SECONDS', 15) * 1000;
const ORDER_TTL_MS = 4000;
const PAY_LATER_MS = 500;
/** When a worker is killed, as a share of the time in which customers come. */
const KILL_AT = 0.4;
/** How long the rest may take when the last customer has come. */
const DRAIN_MS = 120_000;
const RECEIPTS_ASKED_AGAIN = 20;
const SHOWN_PROBLEMS = 10;

const plan = planOrders(ORDERS);
const processes: ShopProcess[] = [];
const progress = new Progress();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    void Promise.all(processes.map((one) => one.end('SIGKILL'))).then(() => process.exit(130));
  });
}

await migrate();
const database = new DemoDatabase(config.databaseUrl);
try {
  process.exitCode = (await demo()) ? 0 : 1;
} finally {
  await Promise.all(processes.map((one) => one.end()));
  await database.close();
}

async function demo(): Promise<boolean> {
  await database.fillStock(plan.stock);
  const api = start('api', 'api');
  const workers = [start('worker-1', 'worker'), start('worker-2', 'worker')];
  const [url] = await Promise.all([api, ...workers].map(({ listening }) => listening));
  progress.say(
    `The shop is open: an API process and two workers on PostgreSQL ${await database.version()}. ${ORDERS} customers come in.\n`,
  );
  const customers = new Customers(url!);
  const killed = await run(customers, workers);
  const duplicates = await askForReceipts(customers);
  const { placed } = customers;
  const expected = {
    ...plan.expected,
    paid: plan.expected.paid - customers.tooLate,
    expired: plan.expected.expired + customers.tooLate,
  };
  const outcome = await database.inSnapshot((client) =>
    readOutcome(client, { expected, stock: plan.stock }, placed),
  );
  outcome.orders.push({ label: 'errors in answers', expected: 0, found: customers.problems.length });
  outcome.proofs.push({ label: 'receipts asked for again, not sent again', ...duplicates });
  outcome.proofs.push({
    label: 'tasks of the killed worker, finished by the other',
    expected: killed.length,
    found: await database.finished(killed),
  });
  progress.say(`\n${describeOutcome(outcome)}\n`);
  progress.say(await describeProvider(placed.map(({ id }) => id)));
  return conclude([...outcome.orders, ...outcome.proofs], customers.problems);
}

/** @returns the tasks that a worker was killed over */
async function run(customers: Customers, workers: readonly ShopProcess[]): Promise<string[]> {
  const finished = new AbortController();
  const progressShown = showProgress(customers, finished.signal);
  const arrival = customers.arrive(plan.intents, ARRIVAL_MS, PAY_LATER_MS);
  await pause(ARRIVAL_MS * KILL_AT);
  const killed = await killBusyWorker(workers);
  await arrival;
  await drain(customers);
  finished.abort();
  await progressShown;
  return killed;
}

/** No warning, no time to give anything back: what the worker ran is another's when its heartbeat has been missed. */
async function killBusyWorker(workers: readonly ShopProcess[]): Promise<string[]> {
  const victim = await database.busyWorker(workers);
  await victim.end('SIGKILL');
  const tasks = await database.tasksOf(victim);
  progress.say(`       ${victim.name} was killed (kill -9) with ${tasks.length} tasks under way`);
  return tasks;
}

async function drain({ placed }: Customers): Promise<void> {
  const deadline = performance.now() + DRAIN_MS;
  const ids = placed.map(({ id }) => id);
  while ((await database.openTasks(ids)).open > 0 && performance.now() < deadline) {
    await pause(100);
  }
}

async function showProgress({ placed }: Customers, signal: AbortSignal): Promise<void> {
  const startedAt = performance.now();
  for (;;) {
    await pause(progress.intervalMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) {
      return;
    }
    const ids = placed.map(({ id }) => id);
    const orders = await database.orders(ids);
    const { open, running } = await database.openTasks(ids);
    const seconds = Math.round((performance.now() - startedAt) / 1000);
    const rolledBack = placed.filter(({ accepted }) => !accepted).length;
    progress.draw(
      `${String(seconds).padStart(3)} s  ${placed.length} of ${ORDERS} orders: ${orders.paid} paid, ${orders.declined} declined, ` +
        `${orders.expired} expired, ${rolledBack} rolled back; tasks: ${open} open, ${running} running`,
    );
  }
}

/** A second click on "send me the receipt", twice at once. */
async function askForReceipts(customers: Customers): Promise<{ expected: number; found: number }> {
  const ids = await database.paidOrders(
    customers.placed.map(({ id }) => id),
    RECEIPTS_ASKED_AGAIN,
  );
  const found = await customers.askForReceipts([...ids, ...ids]);
  return { expected: 2 * ids.length, found };
}

async function describeProvider(orderIds: readonly string[]): Promise<string> {
  const { requests, refused, hung, lost, charges } = await database.provider(orderIds);
  return (
    `  The payment provider was asked ${requests} times: it refused ${refused} requests, did not answer ${hung},\n` +
    `  and charged ${lost} whose answer got lost. In the end its books have ${charges} charges.\n`
  );
}

function conclude(checks: readonly Check[], problems: readonly string[]): boolean {
  const wrong = checks.filter((check) => !holds(check));
  if (wrong.length === 0) {
    progress.say(`  All ${checks.length} checks hold.`);
    return true;
  }
  for (const problem of problems.slice(0, SHOWN_PROBLEMS)) {
    progress.say(problem);
  }
  for (const { name, lastLines } of processes) {
    progress.say([`\nThe last lines of ${name}:`, ...lastLines].join('\n'));
  }
  progress.say(`\n  ${wrong.length} of ${checks.length} checks do not hold.`);
  return false;
}

function start(name: string, file: 'api' | 'worker'): ShopProcess {
  const started = new ShopProcess({
    name,
    file,
    env: { PORT: '0', ORDER_TTL: String(ORDER_TTL_MS), NO_COLOR: '1' },
    log: 'pipe',
  });
  processes.push(started);
  return started;
}

function wholeNumber(variable: string, usual: number): number {
  const value = Number(process.env[variable] ?? usual);
  if (!Number.isInteger(value) || value < 1) {
    throw new Error(`${variable} must be a whole number from 1, is ${process.env[variable]}`);
  }
  return value;
}
