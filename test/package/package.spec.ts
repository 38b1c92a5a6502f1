import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));
const NOT_COPIED = new Set(['node_modules', 'dist', '.git', '.tmp', 'coverage', 'bench', 'docs']);
const installed = (name: string) => path.join(root, 'node_modules', name);

interface Manifest {
  name: string;
  version: string;
  dependencies: Record<string, string>;
  peerDependencies: Record<string, string>;
  peerDependenciesMeta: Record<string, { optional?: boolean }>;
}

/**
 * What a user gets: the package as npm packs it, in a project that has nothing besides it but its declared
 * dependencies and the peers that are not optional.
 */
describe('the packed package', () => {
  let project: string;
  let database: TestDatabase;
  let manifest: Manifest;

  beforeAll(async () => {
    manifest = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8'));
    project = await mkdtemp(path.join(os.tmpdir(), 'pgqueue-package-'));
    database = await createTestDatabase();
    await pack();
    await createProject();
    await cp(new URL('project', import.meta.url), project, { recursive: true });
  }, 120_000);

  afterAll(async () => {
    await rm(project, { recursive: true, force: true });
    await database.drop();
  });

  it('holds the code, the SQL files and the documents, and no sources or tests', async () => {
    const folder = path.join(project, 'node_modules/nestjs-pgqueue');
    expect(new Set(await readdir(folder))).toEqual(
      new Set(['CHANGELOG.md', 'LICENSE', 'README.md', 'dist', 'migrations', 'package.json']),
    );
    const files = await readdir(folder, { recursive: true });
    expect(files.filter((file) => /\.(spec|test)\.|(?<!\.d)\.ts$|tsbuildinfo/.test(file))).toEqual([]);
    const sqlFiles = (await readdir(path.join(root, 'migrations'))).filter((file) => file.endsWith('.sql'));
    expect(sqlFiles).not.toEqual([]);
    expect(new Set(await readdir(path.join(folder, 'migrations')))).toEqual(new Set(sqlFiles));
  });

  it('brings the command nestjs-pgqueue', async () => {
    const command = path.join(project, 'node_modules/.bin/nestjs-pgqueue');
    const env = { ...process.env, DATABASE_URL: database.url, NODE_OPTIONS: '' };
    const { stdout } = await run(command, ['migrate', '--schema', 'by-command'], { env });
    expect(stdout).toBe(`schema "by-command": the queue's tables were created\n`);
  });

  it('needs no TypeORM in an application with a pool of pg, which that command has migrated', async () => {
    expect(await start('pool.mjs')).toBe('ran {"from":"pool"}');
  });

  it('has types that need no TypeORM', async () => {
    await link('@types/node');
    await link('@types/pg');
    expect(await ourTypeErrors('without-typeorm.mts')).toEqual([]);
    await link('@nestjs/typeorm');
    await link('typeorm');
  }, 120_000);

  it('H51: runs a queue in an ESM application', async () => {
    expect(await start('app.mjs')).toBe('ran {"from":"esm"}');
  });

  it('H51: runs a queue in a CommonJS application', async () => {
    expect(await start('app.cjs')).toBe('ran {"from":"cjs"}');
  });

  it('has types that need nothing but the declared packages, and those of Node', async () => {
    expect(await ourTypeErrors('typed.mts', 'typed.cts')).toEqual([]);
  }, 120_000);

  it('offers health, metrics and tracing to those who have the optional peers', async () => {
    await linkPeers((name) => isOptional(name) && !name.endsWith('typeorm'));
    const source = `
      await import('reflect-metadata');
      for (const name of ['health', 'metrics', 'tracing']) {
        console.log(name, Object.keys(await import('nestjs-pgqueue/' + name)).length > 0);
      }`;
    expect(await start('--input-type=module', '--eval', source)).toBe(
      'health true\nmetrics true\ntracing true',
    );
  });

  it('serves the pages of the dashboard', async () => {
    await link('@nestjs/platform-express');
    expect(await start('dashboard.mjs')).toBe('200 text/html; charset=utf-8');
  });

  /** Other packages' declarations are theirs to mend. */
  async function ourTypeErrors(...files: string[]): Promise<string[]> {
    const config = { extends: './tsconfig.json', files };
    await writeFile(path.join(project, 'tsconfig.checked.json'), JSON.stringify(config));
    const tsc = path.join(installed('typescript'), 'bin/tsc');
    const args = [tsc, '--project', 'tsconfig.checked.json', '--listFiles'];
    const { stdout } = await run(process.execPath, args, { cwd: project, maxBuffer: 2 ** 26 }).catch(
      (error) => error,
    );
    expect(stdout).toContain('nestjs-pgqueue/dist/lib/index.d.ts');
    return stdout
      .split('\n')
      .filter((line: string) => /^(typed|without|node_modules.nestjs-pgqueue).*error/.test(line));
  }

  /** From a copy: to pack is to build anew, and other tests use what was built here. */
  async function pack(): Promise<void> {
    const copy = await mkdtemp(path.join(os.tmpdir(), 'pgqueue-sources-'));
    for (const name of await readdir(root)) {
      if (!NOT_COPIED.has(name)) {
        await cp(path.join(root, name), path.join(copy, name), { recursive: true });
      }
    }
    await symlink(path.join(root, 'node_modules'), path.join(copy, 'node_modules'), 'junction');
    await npm(copy, 'pack', '--pack-destination', project);
    await rm(copy, { recursive: true });
  }

  /** No registry is asked: what the package needs is taken from this repository's own packages. */
  async function createProject(): Promise<void> {
    const dependencies: Record<string, string> = {
      [manifest.name]: `file:${manifest.name}-${manifest.version}.tgz`,
    };
    for (const name of Object.keys(manifest.dependencies)) dependencies[name] = `file:${installed(name)}`;
    await writeFile(path.join(project, 'package.json'), JSON.stringify({ private: true, dependencies }));
    await npm(project, 'install', '--offline', '--install-links', '--legacy-peer-deps', '--ignore-scripts');

    await linkPeers((name) => !isOptional(name));
  }

  function isOptional(peer: string): boolean {
    return manifest.peerDependenciesMeta[peer]?.optional ?? false;
  }

  async function linkPeers(wanted: (name: string) => boolean): Promise<void> {
    for (const name of Object.keys(manifest.peerDependencies).filter(wanted)) await link(name);
  }

  async function link(name: string): Promise<void> {
    const place = path.join(project, 'node_modules', name);
    await mkdir(path.dirname(place), { recursive: true });
    await symlink(installed(name), place, 'junction');
  }

  async function start(...args: string[]): Promise<string> {
    const { stdout } = await run(process.execPath, args, {
      cwd: project,
      env: { ...process.env, DATABASE_URL: database.url, NODE_OPTIONS: '' },
      timeout: 25_000,
    });
    return stdout.trim();
  }
});

async function npm(cwd: string, ...args: string[]): Promise<void> {
  // As a maintainer runs it, and not as a part of a test.
  const { NODE_ENV: _, ...env } = process.env;
  await run('npm', args, { cwd, env: { ...env, NODE_OPTIONS: '' } });
}
