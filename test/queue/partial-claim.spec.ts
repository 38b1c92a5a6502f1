import { expect } from 'vitest';
import { QueueDatabases } from '../../lib/cluster/queue-databases.js';
import { databasePerFile, IDLE, newKind, until } from '../support/index.js';

const { it, producer, worker } = databasePerFile({ producer: IDLE, worker: IDLE });

it('runs what it took, and what it missed, when a row changes under a claim', async () => {
  const LOCK = 4711;
  const kind = newKind<string>({ workerCount: 10, terminalTasksTtl: 0, loop: { fetcherPeriod: '1h' } });
  const ran: string[] = [];
  worker.queue.registerKind(kind, ({ payload }) => void ran.push(payload));
  const events = worker.recordEvents();
  stopClaimsHalfWay(LOCK);
  const push = (key: string, payload: string) =>
    producer.queue.pushTask({ kind, payload, externalKey: key }, { onConflict: 'replace' });
  for (const key of ['a', 'b', 'c']) {
    await push(key, `${key} at first`);
  }
  const holder = producer.dataSource.createQueryRunner();
  await holder.startTransaction();
  await holder.query('SELECT pg_advisory_xact_lock($1)', [LOCK]);
  const replacing = producer.dataSource.createQueryRunner();
  await replacing.startTransaction();
  await producer.queue.pushTask(
    { kind, payload: 'b anew', externalKey: 'b' },
    { onConflict: 'replace', manager: replacing },
  );
  await worker.queue.start();
  await until(async () => {
    const waiting = await producer.dataSource.query(
      `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'`,
    );
    return waiting.length > 0;
  });
  await replacing.commitTransaction();
  await replacing.release();
  await holder.commitTransaction();
  await holder.release();
  await until(() => ran.length === 3);
  expect(ran.toSorted()).toEqual(['a at first', 'b anew', 'c at first']);
  expect(events.of('tasks-claimed').map(({ count }) => count)).toEqual([2, 1]);
  expect(events.of('lease-lost')).toEqual([]);
  await until(async () => (await producer.dataSource.query('SELECT FROM pgqueue')).length === 0);
});

/** Claims stand still between their snapshot and their first row, for as long as the lock is held. */
function stopClaimsHalfWay(lock: number): void {
  const { sql } = worker.get(QueueDatabases).all[0]!;
  const before = 'WITH before AS MATERIALIZED (SELECT ';
  expect(sql.claim).toContain(before);
  sql.claim = sql.claim.replace(before, `${before}pg_advisory_xact_lock_shared(${lock}) AS halted, `);
}
