import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const script = fileURLToPath(new URL('random.mjs', import.meta.url));

it('a short random run breaks no rule', { timeout: 240_000 }, async () => {
  // Rejects, with what the script wrote, when a rule is broken.
  const options = ['--minutes', '0.4', '--seed', '10', '--workers', '3'];
  const { stdout } = await promisify(execFile)(process.execPath, [script, ...options]);
  expect(stdout).toMatch(/^tasks: \d{3,} /m);
});
