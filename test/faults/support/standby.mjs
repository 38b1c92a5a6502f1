/**
 * A second server that replicates the first, made from the embedded PostgreSQL's own programs: the standby gets a cold copy of
 * the primary's files, since the package brings no pg_basebackup.
 */
import { execFile } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { EmbeddedPostgres } from '../../../scripts/embedded-postgres/index.mjs';
import { ask } from './side-tables.mjs';
import { eventually } from './wait.mjs';

const run = promisify(execFile);

/** @param {EmbeddedPostgres} server */
const dataOf = (server) => path.join(path.dirname(server.logFile), 'data');

/**
 * @param {EmbeddedPostgres} primary
 * @param {Record<string, string | number>} settings of the standby
 * @param {boolean} [synchronous] whether commits on the primary wait until the standby has them on its disk
 */
export async function startStandby(primary, settings, synchronous = true) {
  // Its files are replaced, but its port, its folder and its supervisor stay.
  const standby = await EmbeddedPostgres.start(settings);
  await standby.down();
  await primary.down();
  await rm(dataOf(standby), { recursive: true });
  await run('cp', ['-a', dataOf(primary), dataOf(standby)]);
  await primary.up();
  const { username, password, port } = new URL(primary.url);
  const source = `host=127.0.0.1 port=${port} user=${username} password=${password} application_name=standby`;
  const configuration = path.join(dataOf(standby), 'postgresql.auto.conf');
  // Written into the copied files, so that they stay those of the server's account.
  await writeFile(configuration, `primary_conninfo = '${source}'\n`);
  await run('cp', ['-a', configuration, path.join(dataOf(standby), 'standby.signal')]);
  await standby.up();
  const url = new URL(primary.url);
  url.port = String(standby.port);
  if (synchronous) {
    await ask(primary.url, "ALTER SYSTEM SET synchronous_standby_names = 'standby'");
    await ask(primary.url, 'SELECT pg_reload_conf()');
  }
  const state = synchronous ? 'sync' : 'async';
  await eventually(
    async () => {
      const [row] = await ask(primary.url, 'SELECT FROM pg_stat_replication WHERE sync_state = $1', [state]);
      return row;
    },
    30_000,
    `the standby follows: ${state}`,
  );
  return { standby, url: url.href };
}

/**
 * The standby hears nothing more of its primary.
 * @param {string} url of the standby
 */
export async function cutReplication(url) {
  await ask(url, "ALTER SYSTEM SET primary_conninfo = ''");
  await ask(url, 'SELECT pg_reload_conf()');
  await eventually(
    async () => (await ask(url, 'SELECT FROM pg_stat_wal_receiver')).length === 0,
    30_000,
    'the standby is cut off',
  );
}

/**
 * Ends a server and all its backends at once, as a machine that loses its power does.
 * @param {EmbeddedPostgres} server
 */
export async function killServer(server) {
  const { pid } = server;
  if (pid === undefined) throw new Error('the server does not run');
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  for (const each of [pid, ...children.trim().split(' ').filter(Boolean).map(Number)]) {
    try {
      process.kill(each, 'SIGKILL');
    } catch {
      // It has ended by itself meanwhile.
    }
  }
}
