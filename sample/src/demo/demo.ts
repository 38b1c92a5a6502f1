import { setTimeout as pause } from 'node:timers/promises';
import { config } from '../config.js';
import { migrate } from '../data-sources.js';
import { shards } from '../databases.js';
import { ShopProcess } from '../processes.js';
import { Branch } from './branch.js';
import { busyWorker } from './busy-worker.js';
import { DemoDatabase } from './database.js';
import { Outage } from './outage.js';
import { type Check, check, sumOutcomes } from './outcome.js';
import { planOrders } from './plan.js';
import { describeOutcome, Progress } from './screen.js';
import { canCrashServers } from './servers.js';
import { sumOf } from './sums.js';

/**
 * Runs the shop with a crowd of customers, a payment provider that often fails, a worker that is killed and, where there are several
 * databases, a server that crashes, and proves from the databases that every order came out right. Ends with 1 when one did not.
 */
const ORDERS = wholeNumber('DEMO_ORDERS', 300);
const ARRIVAL_MS = wholeNumber('DEMO_SECONDS', 15) * 1000;
const ORDER_TTL_MS = 4000;
const PAY_LATER_MS = 500;
/** When a worker is killed, and when a server crashes and is back, as shares of the time in which customers come. */
const KILL_AT = 0.4;
const CRASH_AT = 0.5;
const BACK_AT = 0.8;
/** How long the rest may take when the last customer has come. */
const DRAIN_MS = 120_000;
const SHOWN_PROBLEMS = 10;

const plans = planOrders(ORDERS, shards);
const databases = config.databaseUrls.map((url) => new DemoDatabase(url));
const processes: ShopProcess[] = [];
const progress = new Progress();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    void Promise.all(processes.map((one) => one.end('SIGKILL'))).then(() => process.exit(130));
  });
}

await migrate();
try {
  process.exitCode = (await demo()) ? 0 : 1;
} finally {
  await Promise.all(processes.map((one) => one.end()));
  await Promise.all(databases.map((database) => database.close()));
}

async function demo(): Promise<boolean> {
  await Promise.all(databases.map((database, index) => database.fillStock(plans[index]!.stock)));
  const api = start('api', 'api');
  const workers = [start('worker-1', 'worker'), start('worker-2', 'worker')];
  const [url] = await Promise.all([api, ...workers].map(({ listening }) => listening));
  const branches = databases.map((database, index) => new Branch(plans[index]!, database, url!));
  const version = await databases[0]!.version();
  const spread = databases.length === 1 ? '' : ` on ${databases.length} servers`;
  progress.say(
    `The shop is open: an API process and two workers on PostgreSQL ${version}${spread}. ${ORDERS} customers come in.\n`,
  );
  const outage = databases.length > 1 && canCrashServers ? new Outage(branches) : undefined;
  await run(branches, workers, outage);
  return conclude(branches, outage);
}

async function run(
  branches: readonly Branch[],
  workers: readonly ShopProcess[],
  outage: Outage | undefined,
): Promise<void> {
  const finished = new AbortController();
  const progressShown = showProgress(branches, finished.signal);
  const arrival = Promise.all(branches.map(({ customers }) => customers.arrive(ARRIVAL_MS, PAY_LATER_MS)));
  const crashAt = performance.now() + ARRIVAL_MS * CRASH_AT;
  await pause(ARRIVAL_MS * KILL_AT);
  await killBusyWorker(workers, branches);
  if (outage) {
    await pause(Math.max(0, crashAt - performance.now()));
    await outage.run(ARRIVAL_MS * (BACK_AT - CRASH_AT), (line) => progress.say(line));
  }
  await arrival;
  await drain(branches);
  finished.abort();
  await progressShown;
}

/** No warning, no time to give anything back: what the worker ran is another's when its heartbeat has been missed. */
async function killBusyWorker(workers: readonly ShopProcess[], branches: readonly Branch[]): Promise<void> {
  const victim = await busyWorker(workers, databases);
  await victim.end('SIGKILL');
  const tasks = await Promise.all(branches.map((branch) => branch.rememberTasksOf(victim)));
  const count = tasks.reduce((a, b) => a + b);
  progress.say(`       ${victim.name} was killed (kill -9) with ${count} tasks under way`);
}

async function drain(branches: readonly Branch[]): Promise<void> {
  const deadline = performance.now() + DRAIN_MS;
  const drained = () => Promise.all(branches.map((branch) => branch.isDrained()));
  while ((await drained()).includes(false) && performance.now() < deadline) {
    await pause(100);
  }
}

async function showProgress(branches: readonly Branch[], signal: AbortSignal): Promise<void> {
  const startedAt = performance.now();
  for (;;) {
    await pause(progress.intervalMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) {
      return;
    }
    const { orders, paid, declined, expired, rolledBack, open, running } = sumOf(
      await Promise.all(branches.map((branch) => branch.progress())),
    );
    const seconds = Math.round((performance.now() - startedAt) / 1000);
    progress.draw(
      `${String(seconds).padStart(3)} s  ${orders} of ${ORDERS} orders: ${paid} paid, ${declined} declined, ` +
        `${expired} expired, ${rolledBack} rolled back; tasks: ${open} open, ${running} running`,
    );
  }
}

/** @returns whether all that must hold does */
async function conclude(branches: readonly Branch[], outage: Outage | undefined): Promise<boolean> {
  const receipts = sumOf(await Promise.all(branches.map((branch) => branch.askForReceipts())));
  const outcome = sumOutcomes(await Promise.all(branches.map((branch) => branch.outcome())));
  const rescued = sumOf(await Promise.all(branches.map((branch) => branch.rescued())));
  const problems = branches.flatMap(({ customers }) => customers.problems);
  outcome.orders.push(check('errors in answers', 0, problems.length));
  outcome.proofs.push(
    check('receipts asked for again, not sent again', receipts.expected, receipts.found),
    check('tasks of the killed worker, finished by the other', rescued.expected, rescued.found),
  );
  const outageChecks = outage?.checks() ?? [];
  progress.say(`\n${describeOutcome(outcome, outageChecks)}\n`);
  if (outage) {
    progress.say(await outage.describe());
  }
  progress.say(await describeProvider(branches));
  return judge([...outcome.orders, ...outcome.proofs, ...outageChecks], problems);
}

async function describeProvider(branches: readonly Branch[]): Promise<string> {
  const { requests, refused, hung, lost, charges } = sumOf(
    await Promise.all(branches.map(({ database, ids }) => database.provider(ids))),
  );
  return (
    `  The payment provider was asked ${requests} times: it refused ${refused} requests, did not answer ${hung},\n` +
    `  and charged ${lost} whose answer got lost. In the end its books have ${charges} charges.\n`
  );
}

function judge(checks: readonly Check[], problems: readonly string[]): boolean {
  const wrong = checks.filter(({ holds }) => !holds);
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
