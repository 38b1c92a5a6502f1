/**
 * A physical base copy of a running server, the archive of its WAL, and the way back to an earlier moment (point-in-time recovery).
 * All is in the server's own folder, so that it goes when that does; the server's commands run in its data folder beside it.
 */
import { execFile } from 'node:child_process';
import { appendFile, chown, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { ask, withClient } from './side-tables.mjs';
import { eventually } from './wait.mjs';

/** @typedef {import('../../../scripts/embedded-postgres/index.mjs').EmbeddedPostgres} Server */

const run = promisify(execFile);

/** What a server must be started with. */
export const ARCHIVING = {
  wal_level: 'replica',
  archive_mode: 'on',
  archive_command: 'mkdir -p ../archive && cp %p ../archive/%f',
};

/** @param {Server} server */
const folderOf = (server) => path.dirname(server.logFile);

/** @param {Server} server */
export async function takeBaseBackup(server) {
  const folder = folderOf(server);
  const base = path.join(folder, 'base');
  await withClient(server.url, async (client) => {
    await client.query("SELECT pg_backup_start('base', true)");
    await run('cp', ['-a', path.join(folder, 'data'), base]);
    const { rows } = await client.query('SELECT labelfile FROM pg_backup_stop()');
    await writeAs(base, 'backup_label', rows[0].labelfile);
  });
  // What is there of them is a part only; all is in the archive.
  await run('find', [path.join(base, 'pg_wal'), '-type', 'f', '-delete']);
  await rm(path.join(base, 'postmaster.pid'));
}

/**
 * Names this moment, which `restoreTo` can bring back.
 * @param {Server} server
 * @param {string} name
 */
export async function markMoment(server, name) {
  const [{ segment }] = await ask(
    server.url,
    'SELECT pg_walfile_name(pg_create_restore_point($1)) AS segment',
    [name],
  );
  await ask(server.url, 'SELECT pg_switch_wal()');
  await eventually(
    async () =>
      (await ask(server.url, 'SELECT FROM pg_stat_archiver WHERE last_archived_wal >= $1', [segment]))[0],
    30_000,
    'the moment is archived',
  );
}

/**
 * Ends the server, and starts it on the same port as it was at that moment.
 * @param {Server} server
 * @param {string} name
 */
export async function restoreTo(server, name) {
  const data = path.join(folderOf(server), 'data');
  await server.down('immediate');
  await rm(data, { recursive: true });
  await run('cp', ['-a', path.join(folderOf(server), 'base'), data]);
  await appendFile(
    path.join(data, 'postgresql.auto.conf'),
    `restore_command = 'cp ../archive/%f %p'\nrecovery_target_name = '${name}'\nrecovery_target_action = 'promote'\n`,
  );
  await writeAs(data, 'recovery.signal', '');
  await server.up();
  await eventually(
    async () =>
      (
        await ask(server.url, 'SELECT FROM (SELECT pg_is_in_recovery() AS recovers) now WHERE NOT recovers')
      )[0],
    30_000,
    'the server has been restored',
  );
}

/**
 * Writes a file into a data folder for the account that it belongs to.
 * @param {string} folder
 * @param {string} file
 * @param {string} text
 */
async function writeAs(folder, file, text) {
  const { uid, gid } = await stat(folder);
  await writeFile(path.join(folder, file), text, { mode: 0o600 });
  await chown(path.join(folder, file), uid, gid);
}
