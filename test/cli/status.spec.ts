import { afterEach, expect, it, vi } from 'vitest';
import { runCli } from '../../lib/cli/cli.js';
import { newKind } from '../support/index.js';
import { CLI_ARGS } from '../support/over.js';
import { createQueueApp } from '../support/queue-app.js';
import { createTestDatabase } from '../support/test-database.js';

afterEach(() => {
  vi.useRealTimers();
});

it('tells by the clock of the database for how long the oldest task has been due', async () => {
  const database = await createTestDatabase();
  const app = await createQueueApp({ url: database.url, options: { autoStart: false } });
  await app.queue.pushTask({ kind: newKind(), payload: 1 });
  await app.dataSource.query(`UPDATE pgqueue SET run_at = run_at - interval '150 minutes'`);
  // A laptop that is two days off.
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 2 * 86_400_000 });
  let shown = '';
  const output = { out: (text: string) => void (shown += text), err: (text: string) => void (shown += text) };
  const { signal } = new AbortController();
  expect(await runCli(['status', ...CLI_ARGS], database.url, output, signal)).toBe(0);
  expect(shown).toMatch(/ 2 h +- +no live worker/);
  await app.close();
  await database.drop();
});
