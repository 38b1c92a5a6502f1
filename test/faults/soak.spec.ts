import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const script = fileURLToPath(new URL('soak.mjs', import.meta.url));

it('H44: a process holds no more after 40,000 tasks, 2,000 failures and 20 lost connections than it did at first', async () => {
  // What the script wrote says what grew.
  const run = promisify(execFile)(process.execPath, [script, '--rounds', '20']);
  const { code, stdout, stderr } = await run.then(
    (ended) => ({ ...ended, code: 0 }),
    (failed: Awaited<typeof run> & { code: number }) => failed,
  );
  expect({ code, stdout, stderr }).toEqual({
    code: 0,
    stdout: expect.stringMatching(/^20 rounds, \d{5} tasks, \d{4} failed attempts/),
    stderr: '',
  });
});
