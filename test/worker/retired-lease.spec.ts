import { afterAll, beforeAll, expect, it } from 'vitest';
import { newKind } from '../support/kinds.js';
import { createQueueApp, type QueueApp } from '../support/queue-app.js';
import { recordEvents } from '../support/queue-events.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';

let database: TestDatabase;
let producer: QueueApp;
let worker: QueueApp;

beforeAll(async () => {
  database = await createTestDatabase();
  producer = await createQueueApp({ url: database.url, options: { autoStart: false } });
  worker = await createQueueApp({ url: database.url, options: { autoStart: false, heartbeatPeriod: 50 } });
});
afterAll(async () => {
  await worker.close();
  await producer.close();
  await database.drop();
});

const query = (sql: string) => producer.dataSource.query(sql);

it('keeps the new lease alive while the old one, of a claim of unknown outcome, takes long to release', async () => {
  const kind = newKind({ workerCount: 5 });
  const ran: string[] = [];
  worker.queue.registerKind(kind, ({ id }) => void ran.push(id));
  const events = recordEvents(worker.queue);
  await worker.queue.start();
  const { leaseId: old } = await events.first('lease-acquired');

  await producer.dataSource.transaction(async (manager) => {
    await manager.query('LOCK TABLE pgqueue IN ACCESS EXCLUSIVE MODE');
    await until(async () => {
      const ended = await query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%due AS MATERIALIZED%'`,
      );
      return ended.length > 0;
    });
    // The release has the old lease's row, and waits for the table.
    await until(async () => {
      const waiting = await query(
        `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%found AS MATERIALIZED%'`,
      );
      return waiting.length > 0;
    });
    const beat = async () =>
      (await query(`SELECT max(heartbeat_at)::text AS at FROM pgqueue_lease WHERE id <> ${old}`))[0].at;
    for (let beats = 0, last = await beat(); beats < 5; beats++) {
      last = await until(async () => {
        const now = await beat();
        return now !== last && now;
      }, 2000);
    }
  });
  expect(events.of('lease-lost')).toEqual([]);
  expect(events.of('connection-failed').filter(({ role }) => role === 'heartbeat')).toEqual([]);
  await until(async () => (await query(`SELECT FROM pgqueue_lease WHERE id = ${old}`)).length === 0);
  const { id } = await producer.queue.pushTask({ kind, payload: 0 });
  await until(() => ran.length === 1);
  expect(ran).toEqual([id]);
});
