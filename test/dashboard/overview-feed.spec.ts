import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { OverviewFeed } from '../../lib/dashboard/overview-feed.js';
import { QueueAdmin } from '../../lib/index.js';
import { createQueueApp, type QueueApp } from '../support/queue-app.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

let database: TestDatabase;
let app: QueueApp;

beforeAll(async () => {
  database = await createTestDatabase();
  app = await createQueueApp({ url: database.url, options: { autoStart: false } });
});

afterAll(async () => {
  await app.close();
  await database.drop();
});

it('asks once for those who ask at the same time, and again for those who ask later', async () => {
  const counts = vi.spyOn(app.get(QueueAdmin), 'counts');
  const activity = vi.spyOn(app.get(QueueAdmin), 'activity');
  const feed = new OverviewFeed(app.get(QueueAdmin), 1000, 60_000);
  const [one, two] = await Promise.all([feed.now(), feed.now()]);
  expect(one).toBe(two);
  expect(await feed.now()).not.toBe(one);
  expect([counts.mock.calls.length, activity.mock.calls.length]).toEqual([2, 1]);
});

it('gives up on a server that is silent, and asks it nothing more meanwhile', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'setInterval', 'clearInterval', 'clearTimeout', 'Date'] });
  const counts = vi.fn<QueueAdmin['counts']>(() => new Promise(() => undefined));
  const feed = new OverviewFeed({ counts } as unknown as QueueAdmin, 1000, 0);
  const answers = [feed.now(), feed.now()].map((answer) => expect(answer).rejects.toThrow('Timeout'));
  await vi.advanceTimersByTimeAsync(10_000);
  await Promise.all(answers);
  expect(counts).toHaveBeenCalledTimes(1);
  vi.useRealTimers();
});
