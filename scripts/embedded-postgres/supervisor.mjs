/**
 * Runs one PostgreSQL server for the process that forked this file. When that process is gone, however it
 * went, the channel to it closes, and the server is stopped and its files are removed.
 */
import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { chown, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { serverAccount, temporaryRoot, usableBinaries } from './binaries.mjs';

/** @import { Command, Settings, ShutdownMode } from './index.mjs' */

const run = promisify(execFile);
const START_TIMEOUT = 60_000;
const STOP_TIMEOUT = 30_000;
const PORT_TRIES = 5;
const SOCKET_PATH_LIMIT = 100; // what an address of a Unix socket can hold, less a margin
/** @type {Record<ShutdownMode, NodeJS.Signals>} */
const SHUTDOWN_SIGNALS = { smart: 'SIGTERM', fast: 'SIGINT', immediate: 'SIGQUIT' };

const account = serverAccount();
const password = randomBytes(16).toString('hex');
/** @type {Settings} */
const settings = JSON.parse(process.argv[2] ?? '{}');
const environment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(PG|LC_|LANG)/.test(name)),
);

let folder = '';
let binaries = '';
let port = 0;
let ending = false;
/** @type {import('node:child_process').ChildProcess | undefined} */
let server;

const dataFolder = () => path.join(folder, 'data');
const logFile = () => path.join(folder, 'server.log');

async function createCluster() {
  folder = await mkdtemp(path.join(temporaryRoot(account), 'pgqueue-postgres-'));
  if (account.uid !== undefined && account.gid !== undefined) await chown(folder, account.uid, account.gid);
  binaries = await usableBinaries(folder, account);
  const passwordFile = path.join(folder, 'password');
  await writeFile(passwordFile, password, { mode: 0o600 });
  if (account.uid !== undefined && account.gid !== undefined) {
    await chown(passwordFile, account.uid, account.gid);
  }
  const options = ['--encoding=UTF8', '--locale=C', '--username=postgres', '--auth=scram-sha-256'];
  // The password is random, so the iterations that slow down guessing a weak one are not needed.
  options.push(`--pwfile=${passwordFile}`, '-c', 'scram_iterations=1', '--no-sync', '--no-instructions');
  await run(path.join(binaries, 'initdb'), [`--pgdata=${dataFolder()}`, ...options], {
    ...account,
    cwd: folder,
    env: environment,
  });
  await rm(passwordFile);
}

/** @returns {Promise<number>} */
function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(address && typeof address === 'object' ? address.port : 0));
    });
  });
}

async function launch() {
  const effective = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: folder.length > SOCKET_PATH_LIMIT - 20 ? '' : folder,
    ...settings,
    port,
  };
  const flags = Object.entries(effective).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const log = openSync(logFile(), 'a');
  const child = spawn(path.join(binaries, 'postgres'), ['-D', dataFolder(), ...flags], {
    ...account,
    cwd: folder,
    env: environment,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  server = child;
  child.once('error', () => {}); // it then has no pid
  const deadline = Date.now() + START_TIMEOUT;
  while (isRunning(child) && Date.now() < deadline) {
    if (await isReady(child.pid)) return true;
    await sleep(20);
  }
  await down('immediate');
  return false;
}

/** @param {import('node:child_process').ChildProcess | undefined} child */
function isRunning(child) {
  return child?.pid !== undefined && child.exitCode === null && child.signalCode === null;
}

/**
 * The way in which PostgreSQL's own `pg_ctl` tells: the first and the eighth line of the lock file.
 * @param {number | undefined} pid
 */
async function isReady(pid) {
  const lines = (await readFile(path.join(dataFolder(), 'postmaster.pid'), 'utf8').catch(() => '')).split(
    '\n',
  );
  return Number(lines[0]) === pid && lines[7]?.trim() === 'ready';
}

async function up() {
  if (isRunning(server)) return;
  for (let tries = 0; tries < PORT_TRIES; tries++) {
    const chosen = port === 0;
    if (chosen) port = await freePort();
    if (await launch()) return;
    const log = await readFile(logFile(), 'utf8').catch(() => '');
    if (!chosen || !/could not bind|Address already in use/.test(log)) {
      throw new Error(`PostgreSQL did not start:\n${log.slice(-4000)}`);
    }
    port = 0;
  }
  throw new Error(`PostgreSQL found no free port in ${PORT_TRIES} tries`);
}

/** @param {ShutdownMode} mode */
async function down(mode) {
  const child = server;
  if (!child || !isRunning(child)) return;
  const exit = new Promise((resolve) => child.once('exit', resolve));
  child.kill(SHUTDOWN_SIGNALS[mode]);
  child.kill('SIGCONT'); // a test may have halted it
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT);
  await exit;
  clearTimeout(timer);
}

async function end() {
  if (ending) return;
  ending = true;
  await down('immediate').catch(() => {});
  if (folder) await rm(folder, { recursive: true, force: true, maxRetries: 5 }).catch(() => {});
}

/** @param {object} message */
const tell = (message) =>
  new Promise((resolve) => {
    if (process.connected) process.send?.(message, resolve);
    else resolve(undefined);
  });
/** @param {unknown} error */
const describe = (error) => {
  const { message, cause } = /** @type {Error} */ (error);
  return cause instanceof Error ? `${message}\n${cause.message}` : message;
};

process.once('disconnect', () => void end().finally(() => process.exit()));
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
  process.on(signal, () => void end().finally(() => process.exit()));
}
process.on('message', (/** @type {Command} */ command) => {
  const work = { up, down: () => down(command.mode ?? 'fast'), end }[command.name];
  void work().then(
    () => tell({ id: command.id, pid: server?.pid }),
    (error) => tell({ id: command.id, error: describe(error) }),
  );
});

try {
  await createCluster();
  await up();
  const url = `postgres://postgres:${password}@127.0.0.1:${port}/postgres`;
  await tell({ id: 0, pid: server?.pid, details: { url, port, folder, logFile: logFile() } });
} catch (error) {
  await end();
  await tell({ id: 0, error: describe(error) });
  process.exit(1);
}
if (!process.connected) {
  await end();
  process.exit();
}
