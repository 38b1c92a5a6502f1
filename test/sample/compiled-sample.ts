import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));

interface Started {
  readonly child: ChildProcess;
  readonly output: string;
  /** The code that it ends with, or the signal. */
  readonly exitCode: Promise<number | string>;
}

/**
 * The sample with the library, compiled into a folder that is a package of the library's name, so that the sample's imports
 * find it there: what is tested is the source as it is, not what was built last.
 */
export class CompiledSample {
  private readonly children: ChildProcess[] = [];

  static async create(): Promise<CompiledSample> {
    // Below the root, for its node_modules.
    const temporary = path.join(root, '.tmp');
    await mkdir(temporary, { recursive: true });
    const folder = await mkdtemp(path.join(temporary, 'sample-'));
    const tsc = path.join(root, 'node_modules/typescript/bin/tsc');
    await run(process.execPath, [tsc, '--project', path.join(root, 'test/sample'), '--outDir', folder]);
    const { name, version } = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8'));
    const exports = { '.': './lib/index.js', './package.json': './package.json', './*': './lib/*/index.js' };
    const manifest = JSON.stringify({ name, version, type: 'module', exports });
    await writeFile(path.join(folder, 'package.json'), manifest);
    // The pages are what was built last.
    await mkdir(path.join(folder, 'dist'));
    await symlink(path.join(root, 'dist/dashboard'), path.join(folder, 'dist/dashboard'), 'junction');
    return new CompiledSample(folder);
  }

  private constructor(private readonly folder: string) {}

  /** With the databases that `env` names. */
  start(file: string, env: Record<string, string>): Started {
    return this.spawn([this.fileOf(file)], env);
  }

  /** As `make` does: with servers that are started for it. */
  startWithServers(file: string, env: Record<string, string>): Started {
    const runner = path.join(root, 'scripts/embedded-postgres/run.mjs');
    return this.spawn([runner, process.execPath, this.fileOf(file)], env);
  }

  private fileOf(file: string): string {
    return path.join(this.folder, 'sample/src', file);
  }

  private spawn(args: string[], env: Record<string, string>): Started {
    const { DATABASE_URL: _, ...inherited } = process.env;
    const child = spawn(process.execPath, args, {
      env: { ...inherited, NODE_OPTIONS: '', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.children.push(child);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    }
    return {
      child,
      get output() {
        return output;
      },
      exitCode: new Promise((resolve, reject) => {
        child.once('error', reject);
        child.once('close', (code, signal) => resolve(code ?? signal!));
      }),
    };
  }

  /** Ends what a failed test has left running, too. */
  async remove(): Promise<void> {
    this.children.forEach((child) => child.kill('SIGKILL'));
    await rm(this.folder, { recursive: true, force: true });
  }
}
