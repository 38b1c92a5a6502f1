#!/usr/bin/env node
/**
 * Runs the tests with the oldest peers that package.json allows, of NestJS 11 and TypeORM 0.3, in a copy of this repository in
 * a temporary folder. `node scripts/test-peers.mjs [ARGUMENTS OF VITEST]`, for example `test/module`.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const PEERS = {
  '@nestjs/common': '11.2.10',
  '@nestjs/core': '11.2.10',
  '@nestjs/platform-express': '11.2.10',
  '@nestjs/platform-fastify': '^11.0.0',
  '@nestjs/terminus': '11.0.0',
  '@nestjs/testing': '^11.0.0',
  '@nestjs/typeorm': '11.0.0',
  typeorm: '0.3.20',
};
const windows = os.platform() === 'win32';

/**
 * @param {string} cwd
 * @param {string} command
 * @param {string[]} args
 */
function succeeds(cwd, command, args) {
  const { status, error } = spawnSync(command, args, { cwd, stdio: 'inherit', shell: windows });
  if (error) process.stderr.write(`${command}: ${error.message}\n`);
  return status === 0;
}

/** @param {string} file */
const readJson = (file) => JSON.parse(readFileSync(file, 'utf8'));

/** The manifest with the other peers and the packages of the pages, everything else as it is installed here, and without workspaces. */
function manifest() {
  const { workspaces: _, ...own } = readJson('package.json');
  Object.assign(own.devDependencies, readJson('dashboard/package.json').devDependencies);
  for (const name of Object.keys(own.devDependencies)) {
    own.devDependencies[name] = readJson(`node_modules/${name}/package.json`).version;
  }
  Object.assign(own.devDependencies, PEERS);
  return JSON.stringify(own, null, 2);
}

const folder = mkdtempSync(path.join(os.tmpdir(), 'pgqueue-peers-'));
try {
  // What git knows, and what it would know once it is added.
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard']);
  for (const file of listed.toString().split('\0').filter(Boolean)) {
    if (existsSync(file)) cpSync(file, path.join(folder, file));
  }
  writeFileSync(path.join(folder, 'package.json'), manifest());
  rmSync(path.join(folder, 'package-lock.json'));
  process.exitCode =
    succeeds(folder, 'npm', ['install', '--no-audit', '--no-fund']) &&
    succeeds(folder, 'node', ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json', '--noEmit']) &&
    // The sample is a project of its own, with its own peers.
    succeeds(folder, 'node', [
      'node_modules/vitest/vitest.mjs',
      'run',
      '--exclude',
      'test/sample/**',
      ...process.argv.slice(2),
    ])
      ? 0
      : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
