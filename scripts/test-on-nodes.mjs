#!/usr/bin/env node
/**
 * Runs the tests on other releases of Node: `node scripts/test-on-nodes.mjs VERSION…`, for example `22 24`.
 * The npm package `node-PLATFORM-ARCHITECTURE` brings each; it is installed into a temporary folder.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const versions = process.argv.slice(2);
if (versions.length === 0) {
  process.stderr.write('Name the releases of Node to test on, for example: 22 24\n');
  process.exit(2);
}
const windows = os.platform() === 'win32';
const packageName = `node-${windows ? 'win' : os.platform()}-${os.arch()}`;

/**
 * @param {string} command
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} [env]
 */
function succeeds(command, args, env = process.env) {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit', env, shell: windows });
  if (error) process.stderr.write(`${command}: ${error.message}\n`);
  return status === 0;
}

/** @param {string} version */
function testOn(version) {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'pgqueue-node-'));
  try {
    const install = ['install', '--prefix', folder, '--no-save', '--no-audit', '--no-fund'];
    if (!succeeds('npm', [...install, `${packageName}@${version}`])) return false;
    const bin = path.join(folder, 'node_modules', packageName, 'bin');
    // First in PATH, so that what the tests start runs on it too.
    const env = { ...process.env, PATH: `${bin}${path.delimiter}${process.env['PATH'] ?? ''}` };
    process.stdout.write(`\nNode ${version}: `);
    if (!succeeds('node', ['--version'], env)) return false;
    return succeeds('node', ['node_modules/vitest/vitest.mjs', 'run'], env);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const failed = versions.filter((version) => !testOn(version));
process.stdout.write(
  failed.length === 0
    ? `The tests pass on Node ${versions.join(', ')}\n`
    : `The tests fail on Node ${failed.join(', ')}\n`,
);
process.exitCode = failed.length === 0 ? 0 : 1;
