/** What the results depend on besides the code: the machine, and the versions of everything. */
import { execFileSync } from 'node:child_process';
import { closeSync, fdatasyncSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { CONTENDERS } from '../contenders/index.mjs';
import { redisVersion } from './servers.mjs';
import { summarize } from './statistics.mjs';

const ROOT = new URL('../../', import.meta.url);

export function describeMachine() {
  const release = execFileSync('uname', ['-sr'], { encoding: 'utf8' }).trim();
  return {
    processor: os.cpus()[0]?.model ?? 'unknown',
    cores: os.availableParallelism(),
    'memory, GB': Math.round(os.totalmem() / 2 ** 30),
    'operating system': `${distribution()}, ${release}`,
    'fdatasync of 8 kB, ms': Number(fdatasyncMs().toFixed(2)),
  };
}

/** @param {string} postgresUrl */
export async function describeVersions(postgresUrl) {
  const client = new pg.Client({ connectionString: postgresUrl });
  await client.connect();
  const { rows } = await client.query('SHOW server_version');
  await client.end();
  const packages = [...new Set(CONTENDERS.flatMap((contender) => contender.packages))].toSorted();
  return {
    'nestjs-pgqueue': `${packageVersion('.')} (${commit()})`,
    node: process.versions.node,
    PostgreSQL: rows[0].server_version,
    Redis: redisVersion() ?? 'none',
    ...Object.fromEntries(packages.map((name) => [name, packageVersion(`node_modules/${name}`)])),
  };
}

/** @param {string} folder in bench/, or in the root */
function packageVersion(folder) {
  const bases = folder === '.' ? [ROOT] : [new URL('bench/', ROOT), ROOT];
  for (const base of bases) {
    try {
      return JSON.parse(readFileSync(new URL(`${folder}/package.json`, base), 'utf8')).version;
    } catch {
      // not there: the next
    }
  }
  return 'unknown';
}

function commit() {
  const git = (/** @type {string[]} */ ...args) =>
    execFileSync('git', args, {
      cwd: fileURLToPath(ROOT),
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  try {
    const changed = git('status', '--porcelain', '--untracked-files=no', '--', 'lib', 'migrations') !== '';
    return `${git('rev-parse', '--short', 'HEAD')}${changed ? ' with changes' : ''}`;
  } catch {
    return 'no commit';
  }
}

function distribution() {
  try {
    return /^PRETTY_NAME="(.*)"$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'unknown';
  } catch {
    return 'unknown';
  }
}

/** The price of a commit: every figure with one commit per task depends on it. */
function fdatasyncMs() {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'pgqueue-sync-'));
  const file = openSync(path.join(folder, 'file'), 'w');
  const page = Buffer.alloc(8192, 1);
  const times = Array.from({ length: 200 }, () => {
    const start = performance.now();
    writeSync(file, page, 0, page.length, 0);
    fdatasyncSync(file);
    return performance.now() - start;
  });
  closeSync(file);
  rmSync(folder, { recursive: true, force: true });
  return summarize(times).median;
}
