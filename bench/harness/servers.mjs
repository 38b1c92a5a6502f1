/** The servers of a run: one PostgreSQL, and one Redis where there is a program of it. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { Redis } from 'ioredis';
import { EmbeddedPostgres } from '../../scripts/embedded-postgres/index.mjs';
import { cpuOfTree } from './cpu.mjs';

/** All else is as PostgreSQL comes: fsync, synchronous_commit and full_page_writes are on. */
export const POSTGRES_SETTINGS = { shared_buffers: '1GB', max_connections: 200 };

/** Every write is on disk before it is answered. */
export const REDIS_SETTINGS = ['--appendonly', 'yes', '--appendfsync', 'always', '--save', ''];

/**
 * @typedef {object} Server
 * @property {string} url
 * @property {string} [logFile]
 * @property {() => number} cpuMs what it used so far
 * @property {() => Promise<void>} stop
 */

/** @returns {Promise<Server & { logFile: string }>} */
export async function startPostgres() {
  const server = await EmbeddedPostgres.start(POSTGRES_SETTINGS);
  const pid = /** @type {number} */ (server.pid);
  return {
    url: server.url,
    logFile: server.logFile,
    cpuMs: () => cpuOfTree(pid),
    stop: () => server.stop(),
  };
}

/** @returns {Promise<Server | string>} or why there is none */
export async function startRedis() {
  const missing = installRedis();
  if (missing) return missing;
  const folder = mkdtempSync(path.join(os.tmpdir(), 'pgqueue-redis-'));
  const port = await freePort();
  const child = spawn(
    'redis-server',
    ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', folder, ...REDIS_SETTINGS],
    { stdio: 'ignore' },
  );
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  const client = new Redis(port, '127.0.0.1', { maxRetriesPerRequest: null });
  client.on('error', () => {}); // until it has started
  await client.ping();
  await client.quit();
  return {
    url: `redis://127.0.0.1:${port}`,
    cpuMs: () => cpuOfTree(/** @type {number} */ (child.pid)),
    stop: async () => {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await gone;
      process.removeListener('exit', kill);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** @returns {string | undefined} why Redis can't be run */
function installRedis() {
  if (redisVersion()) return undefined;
  if (process.getuid?.() !== 0) return 'redis-server is not installed (Debian: apt-get install redis-server)';
  try {
    process.stderr.write('redis-server is not installed: trying apt-get\n');
    for (const args of [['update'], ['install', '-y', '--no-install-recommends', 'redis-server']]) {
      execFileSync('apt-get', args, { stdio: 'ignore' });
    }
  } catch {
    return 'redis-server is not installed, and apt-get can not install it';
  }
  return redisVersion() ? undefined : 'redis-server was installed but does not run';
}

/** @returns {string | undefined} */
export function redisVersion() {
  try {
    return /v=(\S+)/.exec(execFileSync('redis-server', ['--version'], { encoding: 'utf8' }))?.[1];
  } catch {
    return undefined;
  }
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
