import { expect, vi } from 'vitest';
import { OverviewFeed } from '../../lib/dashboard/overview-feed.js';
import { visitorOf } from '../../lib/dashboard/visitor.js';
import { QueueAdmin } from '../../lib/index.js';
import { databasePerFile, IDLE, until } from '../support/index.js';

const { it, app } = databasePerFile({ app: IDLE });

const EVERYBODY = { kinds: null };

function feedOf(periodMs: number, activityMs: number): OverviewFeed {
  return new OverviewFeed({ run: (_, work) => work(app.get(QueueAdmin)) }, periodMs, activityMs);
}

it('asks once for those who ask at the same time, and again for those who ask later', async () => {
  const overview = vi.spyOn(app.get(QueueAdmin), 'overview');
  const feed = feedOf(1000, 0);
  const [one, two] = await Promise.all([feed.now(EVERYBODY), feed.now(EVERYBODY)]);
  expect(one).toEqual(two);
  await feed.now(EVERYBODY);
  expect(overview).toHaveBeenCalledTimes(2);
});

it('shows what attempts came to as it was, for as long as it may', async () => {
  const succeeded = async (activityMs: number) => {
    const { kinds } = await feedOf(1000, activityMs).now(EVERYBODY);
    return kinds[0]!.points.reduce((sum, point) => sum + point.succeeded, 0);
  };
  await app.dataSource.query(`INSERT INTO pgqueue (kind, payload) VALUES (1, '{}')`);
  await succeeded(0);
  await app.dataSource.query(
    `INSERT INTO pgqueue_activity VALUES (date_trunc('minute', now()), 1, 5, 0, 0, '{}', '{}')`,
  );
  expect(await succeeded(60_000)).toBe(5);
  await app.dataSource.query('UPDATE pgqueue_activity SET succeeded = 9');
  expect(await succeeded(60_000)).toBe(5);
});

it('is of a moment by the clock that the times of tasks are by', async () => {
  const feed = feedOf(1000, 0);
  const day = 86_400_000;
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + day });
  try {
    const { at } = await feed.now(EVERYBODY);
    expect(Date.now() - at.getTime()).toBeGreaterThan(day - 60_000);
  } finally {
    vi.useRealTimers();
  }
});

it('asks less often for what takes long, so that most of the time nothing is asked for', async () => {
  const asked: { from: number; to: number }[] = [];
  const admin = app.get(QueueAdmin);
  const feed = new OverviewFeed(
    {
      run: async (_, work) => {
        const from = performance.now();
        await app.dataSource.query('SELECT pg_sleep(0.1)');
        const answer = await work(admin);
        asked.push({ from, to: performance.now() });
        return answer;
      },
    },
    1,
    0,
  );
  const leave = feed.watch({ visitor: visitorOf(true)!, send: () => undefined });
  await until(() => asked.length === 2);
  leave();
  const [first, second] = asked;
  expect(second!.from - first!.to).toBeGreaterThan(2.9 * (first!.to - first!.from));
});
