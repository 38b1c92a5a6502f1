import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';

it('makes the API documentation without a warning', { timeout: 120_000 }, () => {
  const typedoc = ['node_modules/typedoc/bin/typedoc', '--emit', 'none'];
  const output = execFileSync(process.execPath, typedoc, {
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1' },
  });
  expect(output).not.toMatch(/\[(warning|error)\]/);
});
