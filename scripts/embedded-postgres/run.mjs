#!/usr/bin/env node
/**
 * Runs a command with PostgreSQL servers: `node scripts/embedded-postgres/run.mjs COMMAND [ARGUMENT…]`.
 * It starts one, or as many as SHARDS says. The command finds their addresses in DATABASE_URLS, with spaces between, and the first
 * in DATABASE_URL. Servers that one of the two names already are used as they are. Without a command the addresses are printed,
 * and the servers run until Ctrl-C. A command that is a program of Node may ask for crashes and restarts: see `obey`.
 */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { EmbeddedPostgres } from './index.mjs';

const [command, ...args] = process.argv.slice(2);
const signals = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']);
const count = numberOfServers();
const given = (process.env['DATABASE_URLS'] ?? process.env['DATABASE_URL'])?.trim().split(/\s+/);
if (given && process.env['SHARDS'] !== undefined && given.length !== count) {
  throw new Error(`SHARDS is ${count}, but DATABASE_URLS or DATABASE_URL names ${given.length}`);
}
const servers = given ? [] : await Promise.all(Array.from({ length: count }, () => EmbeddedPostgres.start()));
const urls = given ?? servers.map(({ url }) => url);

if (command === undefined) {
  process.stdout.write(urls.map((url) => `DATABASE_URL=${url}\n`).join(''));
  const idle = setInterval(() => {}, 2 ** 30);
  await Promise.race(signals.map((signal) => new Promise((resolve) => process.once(signal, resolve))));
  clearInterval(idle);
} else {
  const child = spawn(command, args, {
    stdio: servers.length > 1 ? ['inherit', 'inherit', 'inherit', 'ipc'] : 'inherit',
    env: { ...process.env, DATABASE_URL: urls[0], DATABASE_URLS: urls.join(' ') },
  });
  child.on('message', (/** @type {Request} */ request) => void obey(child, request));
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
await Promise.all(servers.map((server) => server.stop()));

function numberOfServers() {
  const value = Number(process.env['SHARDS'] ?? 1);
  if (!Number.isInteger(value) || value < 1) {
    throw new Error(`SHARDS must be a whole number from 1, is ${process.env['SHARDS']}`);
  }
  return value;
}

/** @typedef {{ server: number, action: 'crash' | 'start' }} Request of the child, for the server at this place in DATABASE_URLS */

/**
 * Crashes a server, so that all it keeps is what it had written, or starts it again; the child is told when that is done.
 * @param {import('node:child_process').ChildProcess} child
 * @param {Request} request
 */
async function obey(child, { server, action }) {
  const chosen = /** @type {EmbeddedPostgres} */ (servers[server]);
  const done = await (action === 'crash' ? chosen.down('immediate') : chosen.up()).then(
    () => ({ server, action }),
    (error) => ({ server, action, error: error.message }),
  );
  if (child.connected) child.send(done);
}
