/** A PgBouncer in transaction mode before a server, where the machine has the program. */
import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { serverAccount, temporaryRoot } from '../../../scripts/embedded-postgres/binaries.mjs';
import { ask } from './side-tables.mjs';
import { eventually } from './wait.mjs';

/** @returns {string | undefined} the program, undefined when it is not installed */
export function findPgBouncer() {
  const folders = [...(process.env['PATH'] ?? '').split(path.delimiter), '/usr/sbin', '/usr/local/sbin'];
  return folders
    .map((folder) => path.join(folder, 'pgbouncer'))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** @returns {Promise<number>} */
function freePort() {
  return new Promise((resolve) => {
    const probe = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = /** @type {net.AddressInfo} */ (probe.address());
      probe.close(() => resolve(port));
    });
  });
}

/**
 * @param {string} program
 * @param {string} url of a database; those of the same server are served too
 * @param {number} poolSize how many connections to a database there are at most
 */
export async function startPgBouncer(program, url, poolSize) {
  const account = serverAccount();
  const folder = await mkdtemp(path.join(temporaryRoot(account), 'pgqueue-pgbouncer-'));
  const { username, password, hostname, port } = new URL(url);
  const listenPort = await freePort();
  const files = {
    'users.txt': `"${username}" "${password}"\n`,
    'pgbouncer.ini': [
      '[databases]',
      `* = host=${hostname} port=${port || 5432} user=${username} password=${password}`,
      '[pgbouncer]',
      'listen_addr = 127.0.0.1',
      `listen_port = ${listenPort}`,
      'unix_socket_dir =',
      'auth_type = scram-sha-256',
      `auth_file = ${path.join(folder, 'users.txt')}`,
      'pool_mode = transaction',
      `default_pool_size = ${poolSize}`,
      'max_client_conn = 1000',
      // The next transaction gets the connection that waited longest: never twice the same one.
      'server_round_robin = 1',
      // A server that was away is tried again soon.
      'server_login_retry = 1',
      '',
    ].join('\n'),
  };
  for (const [name, text] of Object.entries(files)) {
    await writeFile(path.join(folder, name), text);
    await own(path.join(folder, name));
  }
  await own(folder);
  /** @param {string} file */
  async function own(file) {
    if (account.uid !== undefined && account.gid !== undefined) {
      await chown(file, account.uid, account.gid);
    }
  }
  const child = spawn(program, [path.join(folder, 'pgbouncer.ini')], {
    ...account,
    cwd: folder,
    stdio: 'pipe',
  });
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text));
  const pooled = new URL(url);
  pooled.port = String(listenPort);
  await eventually(
    () => ask(pooled.href, 'SELECT 1'),
    10_000,
    () => `PgBouncer answers: ${output}`,
  );
  return {
    url: pooled.href,
    async stop() {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      process.off('exit', kill);
      kill();
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}
