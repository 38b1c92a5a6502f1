import { afterEach, describe, expect } from 'vitest';
import { PgQueueHealthIndicator, type PgQueueHealthOptions } from '../../lib/index.js';
import { databasePerTest, deferred, newKind, perTest, recordEvents, until } from '../support/index.js';
import { cannotRunOver, NEEDS_LISTEN } from '../support/over.js';
import { untilListening } from '../support/queue-events.js';

const { it, database, app } = databasePerTest({
  app: { options: { autoStart: false, shutdownTimeout: 50 } },
});

const end = perTest(() => deferred());

afterEach(() => end.resolve());

describe('H55: health is degraded, and up', () => {
  it.skipIf(cannotRunOver(NEEDS_LISTEN))('while wake-ups are not heard', async () => {
    await start();
    expect(await check()).not.toHaveProperty('degraded');
    const { status, reason } = await until(async () => {
      await app.dataSource.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND query LIKE 'LISTEN%'`,
        [database.name],
      );
      const answer = await check();
      return answer['degraded'] ? answer : undefined;
    });
    expect(status).toBe('up');
    expect(reason).toMatch(/^(shard default: )?wake-ups are not heard, new tasks wait for the next poll$/);
    await until(async () => !(await check())['degraded']);
  });

  it('while a task has been due for too long, when it is asked to look', async () => {
    const { push, started } = await start();
    await push();
    await started;
    await push(2 * 3_600_000);
    expect(await check({ maxOldestDueAge: '1m' })).toMatchObject({ status: 'up', oldestDueMs: 0 });
    await app.dataSource.query(`UPDATE pgqueue SET run_at = run_at - interval '4 hours'`);
    expect(await check({ maxOldestDueAge: '1m' })).toMatchObject({
      status: 'up',
      degraded: true,
      reason: expect.stringMatching(/^(shard default: )?a task has been due for 72\d{5} ms$/),
    });
    expect(await check({ maxOldestDueAge: '3h' })).not.toHaveProperty('degraded');
    expect(await check()).not.toHaveProperty('oldestDueMs');
  });

  it('in time, when the database does not answer that', async () => {
    await start();
    const runner = app.dataSource.createQueryRunner();
    await runner.startTransaction();
    await runner.query('LOCK TABLE pgqueue IN ACCESS EXCLUSIVE MODE');
    expect(await check({ maxOldestDueAge: '1m', timeout: '100ms', maxMissedPolls: 1000 })).toMatchObject({
      status: 'up',
      degraded: true,
      reason: expect.stringMatching(
        /^(shard default: )?the oldest due task is not known: (no answer within 100 ms|canceling)/,
      ),
    });
    await runner.rollbackTransaction();
    await runner.release();
    expect(await check({ maxOldestDueAge: '1m' })).not.toHaveProperty('degraded');
  });

  it.each([
    ['maxOldestDueAge', { maxOldestDueAge: 'soon' }],
    ['timeout', { maxOldestDueAge: '1m', timeout: -1 }],
    ['maxMissedPolls', { maxMissedPolls: Number.NaN }],
    ['maxMissedPolls', { maxMissedPolls: 0 }],
  ])('and says that %s is wrong: %j', async (field, options) => {
    await start();
    await expect(check(options)).rejects.toMatchObject({ name: 'InvalidOptionError', field });
  });
});

/** Starts processing of one kind with one slot, whose tasks run until the end of the test. */
async function start() {
  const definition = newKind();
  const started = deferred();
  const events = recordEvents(app.queue);
  app.queue.registerKind(definition, () => {
    started.resolve();
    return end.promise;
  });
  await app.queue.start();
  await untilListening(events);
  const push = (delay = 0) => app.queue.pushTask({ kind: definition, payload: null }, { delay });
  return { push, started: started.promise };
}

async function check(options: PgQueueHealthOptions = {}) {
  return (await app.get(PgQueueHealthIndicator).isHealthy('queue', options)).queue;
}
