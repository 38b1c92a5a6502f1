#!/usr/bin/env node
/**
 * Runs a command with a PostgreSQL server: `node scripts/embedded-postgres/run.mjs COMMAND [ARGUMENT…]`.
 * The command finds the server's address in DATABASE_URL. A server that DATABASE_URL names already is used
 * as it is. Without a command the address is printed, and the server runs until Ctrl-C.
 */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { EmbeddedPostgres } from './index.mjs';

const [command, ...args] = process.argv.slice(2);
const given = process.env['DATABASE_URL'];
const server = given ? undefined : await EmbeddedPostgres.start();
const url = given ?? server?.url;
const signals = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']);

if (command === undefined) {
  process.stdout.write(`DATABASE_URL=${url}\n`);
  const idle = setInterval(() => {}, 2 ** 30);
  await Promise.race(signals.map((signal) => new Promise((resolve) => process.once(signal, resolve))));
  clearInterval(idle);
} else {
  const child = spawn(command, args, { stdio: 'inherit', env: { ...process.env, DATABASE_URL: url } });
  // Ctrl-C reaches the child from the terminal too; it ends in its own time, and then this process does.
  for (const signal of signals) process.on(signal, () => signal !== 'SIGINT' && child.kill(signal));
  process.exitCode = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)));
  }).catch((error) => {
    process.stderr.write(`${error.message}\n`);
    return 127;
  });
}
await server?.stop();
