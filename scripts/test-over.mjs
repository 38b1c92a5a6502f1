#!/usr/bin/env node
/**
 * Runs the tests over each database that the queue may work in (test/support/over.ts says what they are), one after the other, and
 * prints a table at the end: `node scripts/test-over.mjs [--smoke] [OVER…] [ARGUMENTS OF VITEST]`, for example
 * `pgbouncer dml test/queue`. `--smoke` runs a few central files alone.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { findPgBouncer } from '../test/faults/support/pgbouncer.mjs';

const ALL = ['typeorm', 'pg', 'pgbouncer', 'schema', 'dml', 'shards'];
/** `npm test` is over the first. */
const OTHERS = ALL.slice(1);
const CENTRAL = [
  'test/support/over.spec.ts',
  'test/queue/push-transaction.spec.ts',
  'test/queue/push-keys.spec.ts',
  'test/queue/complete-in.spec.ts',
  'test/admin/list.spec.ts',
  'test/maintenance/rescue.spec.ts',
];

const args = process.argv.slice(2);
const smoke = args.includes('--smoke');
const named = args.filter((arg) => ALL.includes(arg));
const overs = named.length > 0 ? named : smoke ? OTHERS : ALL;
const passedOn = args.filter((arg) => arg !== '--smoke' && !named.includes(arg));
const vitest = ['node_modules/vitest/vitest.mjs', 'run', ...(smoke ? CENTRAL : []), ...passedOn];

/**
 * @param {string} over
 * @param {string} folder
 * @returns {{ over: string, result: string, passed?: number, failed?: number, skipped?: number, seconds?: number }} a line of the table
 */
function testOver(over, folder) {
  if (over === 'pgbouncer' && !findPgBouncer()) {
    return { over, result: 'skipped: PgBouncer is not installed' };
  }
  process.stdout.write(`\nOver ${over}:\n`);
  const file = path.join(folder, `${over}.json`);
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
  const startedAt = performance.now();
  const { status } = spawnSync(process.execPath, [...vitest, ...reporters], {
    stdio: 'inherit',
    env: { ...process.env, TEST_OVER: over },
  });
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  return { over, result: status === 0 ? 'passes' : 'FAILS', ...countsOf(file), seconds };
}

/** @param {string} file */
function countsOf(file) {
  try {
    const { numPassedTests, numFailedTests, numPendingTests } = JSON.parse(readFileSync(file, 'utf8'));
    return { passed: numPassedTests, failed: numFailedTests, skipped: numPendingTests };
  } catch {
    // It ended before it could report; its output says why.
    return {};
  }
}

const folder = mkdtempSync(path.join(os.tmpdir(), 'pgqueue-over-'));
try {
  const lines = overs.map((over) => testOver(over, folder));
  console.table(Object.fromEntries(lines.map(({ over, ...line }) => [over, line])));
  process.exitCode = lines.some(({ result }) => result === 'FAILS') ? 1 : 0;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
