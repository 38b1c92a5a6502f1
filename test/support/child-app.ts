import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { until } from './until.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

export interface ChildApp {
  readonly process: ChildProcess;
  /** What it has written so far. */
  readonly output: () => string;
  /** Waits until it has written this. */
  writes(text: string, timeoutMs?: number): Promise<void>;
  /** How it ended: its code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>;
}

export interface ChildApps {
  /** Runs a TypeScript file of test/ in a process of its own. */
  start(file: string, env?: Record<string, string>, args?: readonly string[]): ChildApp;
  /** Kills what still runs, and removes the compiled files. */
  close(): Promise<void>;
}

/**
 * Compiles the library and some files of test/ into a folder of their own, for tests that need more than one process:
 * `dist/` may be old, or just being built.
 */
export async function compileApps(...files: string[]): Promise<ChildApps> {
  await mkdir(path.join(root, '.tmp'), { recursive: true });
  const folder = await mkdtemp(path.join(root, '.tmp', 'apps-'));
  for (const source of ['lib', 'migrations']) {
    const names = await readdir(path.join(root, source), { recursive: true });
    files.push(...names.filter((name) => name.endsWith('.ts')).map((name) => path.join(source, name)));
  }
  await Promise.all(files.map((file) => compile(file, folder)));
  const children: ChildApp[] = [];
  return {
    start: (file, env = {}, args = []) => {
      const child = run(path.join(folder, file.replace(/ts$/, 'js')), env, args);
      children.push(child);
      return child;
    },
    close: async () => {
      children.forEach(({ process: child }) => child.kill('SIGKILL'));
      await Promise.all(children.map(({ ended }) => ended));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function compile(file: string, folder: string): Promise<void> {
  const { outputText } = ts.transpileModule(await readFile(path.join(root, file), 'utf8'), {
    fileName: file,
    compilerOptions: {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.ESNext,
      experimentalDecorators: true,
      emitDecoratorMetadata: true,
      useDefineForClassFields: false,
      importHelpers: true,
      inlineSourceMap: true,
    },
  });
  const target = path.join(folder, file.replace(/ts$/, 'js'));
  await mkdir(path.dirname(target), { recursive: true });
  await writeFile(target, outputText);
}

function run(file: string, env: Record<string, string>, args: readonly string[]): ChildApp {
  const child = spawn(process.execPath, [file, ...args], {
    cwd: root,
    env: { ...process.env, NODE_OPTIONS: '', NO_COLOR: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  }
  return {
    process: child,
    output: () => output,
    writes: async (text, timeoutMs = 20_000) => {
      await until(() => output.includes(text) || child.exitCode !== null, timeoutMs);
      if (!output.includes(text)) {
        throw new Error(`the process ended without writing "${text}":\n${output}`);
      }
    },
    ended: once(child, 'close').then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals),
  };
}
