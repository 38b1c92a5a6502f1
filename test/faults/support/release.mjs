/** The code of another commit, built beside this one: two releases that work on the same tables. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
/** The first migration creates the tables; nothing of before it can be set beside. */
const FIRST_MIGRATION = 'migrations/1795478400000-create-pgqueue.ts';

const run = promisify(execFile);

/** @param {...string} args @returns {Promise<string>} */
async function git(...args) {
  const { stdout } = await run('git', args, { cwd: ROOT });
  return stdout.trim();
}

/**
 * @param {...string} what options and paths
 * @returns {Promise<string>} the last commit that has changed any of these, or an empty text
 */
function last(...what) {
  const options = what.filter((each) => each.startsWith('--'));
  const paths = what.filter((each) => !each.startsWith('--'));
  return git('log', '-1', '--format=%H', ...options, '--', ...paths);
}

/**
 * @returns {Promise<string | undefined>} the commit before the newest migration was added, or else before the code was last changed;
 *   undefined outside of a repository, and in a clone that has no history
 */
export async function commitBefore() {
  try {
    const added = await last(
      '--diff-filter=A',
      'migrations/*.ts',
      `:!${FIRST_MIGRATION}`,
      ':!migrations/index.ts',
    );
    return await git('rev-parse', '--verify', '--quiet', `${added || (await last('lib', 'migrations'))}^`);
  } catch {
    return undefined;
  }
}

export class Release {
  /** @param {string} folder @private */
  constructor(folder) {
    this.folder = folder;
  }

  /**
   * Takes the commit out of the repository, and builds it with the packages that are installed here.
   * @param {string} commit
   */
  static async build(commit) {
    const release = new Release(await mkdtemp(path.join(os.tmpdir(), 'pgqueue-release-')));
    try {
      const archive = path.join(release.folder, 'release.tar');
      await git('archive', '--format=tar', '--output', archive, commit);
      await run('tar', ['-xf', archive, '-C', release.folder]);
      await symlink(path.join(ROOT, 'node_modules'), release.file('node_modules'), 'junction');
      await run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'], {
        cwd: release.folder,
      });
      return release;
    } catch (error) {
      await release.remove();
      throw error;
    }
  }

  /** @param {string} name from its root */
  file(name) {
    return path.join(this.folder, name);
  }

  /** The program of its worker processes. */
  get workerApp() {
    return this.file('test/faults/support/worker-app.mjs');
  }

  remove() {
    return rm(this.folder, { recursive: true, force: true });
  }
}

/**
 * Runs the command line of this release.
 * @param {string} url of the database
 * @param {...string} args
 */
export async function cli(url, ...args) {
  const env = { ...process.env, DATABASE_URL: url };
  const { stdout } = await run(process.execPath, [path.join(ROOT, 'dist/lib/cli/main.js'), ...args], { env });
  return stdout;
}
