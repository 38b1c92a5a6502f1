import { createServer } from 'node:net';
import { config } from './config.js';
import { migrate } from './data-sources.js';
import { ShopProcess } from './processes.js';

/** The shop, until Ctrl-C: one process takes orders, one runs tasks. */

let stopping = false;
// Ctrl-C in a terminal reaches the shop's processes too; this one waits for them.
process.on('SIGINT', () => {
  stopping = true;
});

await migrate();
const api = start('api', await port('PORT', 3000));
const worker = start('worker', await port('WORKER_PORT', 3001));
const [apiUrl, workerUrl] = await Promise.all([api.listening, worker.listening]);
process.on('SIGTERM', () => void end());

process.stdout.write(`
The shop is open.

  orders     ${apiUrl}/orders
  dashboard  ${apiUrl}/pgqueue/
  health     ${apiUrl}/health     ${workerUrl}/health
  metrics    ${apiUrl}/metrics    ${workerUrl}/metrics
  ${config.databaseUrls.length === 1 ? 'database ' : 'databases'}  ${config.databaseUrls.join('\n             ')}

Place an order, and look at it a second later:

  curl -s ${apiUrl}/orders -H 'content-type: application/json' \\
    -d '{"sku":"mug","quantity":2,"email":"ann@example.com","card":"tok_ok"}'
  curl -s ${apiUrl}/orders/ID

With "card":"tok_declined" the bank says no. With "sku":"poster" the fourth order is out of stock, and
its tasks roll back with it. Without a card the order expires after ${config.orderTtl}, unless it is paid before:

  curl -s ${apiUrl}/orders/ID/pay -H 'content-type: application/json' -d '{"card":"tok_ok"}'

What the worker did is in the dashboard, in its log, and in

  curl -s ${workerUrl}/metrics | grep pgqueue_tasks_total

Ctrl-C closes the shop; running tasks are finished first.

`);

await Promise.race([api.gone, worker.gone]);
if (!stopping) {
  process.stderr.write('A process of the shop has ended; the shop closes.\n');
  process.exitCode = 1;
}
await end();

function start(name: 'api' | 'worker', PORT: string): ShopProcess {
  return new ShopProcess({ name, file: name, env: { PORT }, log: 'inherit' });
}

async function end(): Promise<void> {
  stopping = true;
  await Promise.all([api.end(), worker.end()]);
}

/** The port that the environment names, else the usual one, else any that is free. */
async function port(variable: string, usual: number): Promise<string> {
  return process.env[variable] ?? ((await isFree(usual)) ? String(usual) : '0');
}

function isFree(number: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(number, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}
