import { cutOff } from './cut-off.js';
import { createQueueApp, type QueueApp } from './queue-app.js';
import { type RecordedEvents, recordEvents } from './queue-events.js';
import { createTestDatabase } from './test-database.js';

const FAST = { heartbeatPeriod: 50, leaseTimeout: 150, shutdownTimeout: 500 };

/** Conditions of the rows of bad tasks, see `refuse`. */
export const OUTCOME_OF_BAD = `old.external_key LIKE 'bad%' AND old.lease_id IS NOT NULL AND new.lease_id IS NULL`;
export const CLAIM_OF_BAD = `old.external_key LIKE 'bad%' AND old.lease_id IS NULL AND new.lease_id IS NOT NULL`;
export const BEGIN_OF_BAD = `old.external_key LIKE 'bad%' AND old.claim_id < 0 AND new.claim_id > 0`;

export const good = (count: number) => drafts('good', count);
export const bad = (count: number) => drafts('bad', count);

/** A database with processes, some of whose rows a trigger of the application's may refuse to change. */
export interface RefusingDatabase {
  readonly producer: QueueApp;
  newWorker(): Promise<QueueApp & { events: RecordedEvents }>;
  /** Refuses what a condition says of the rows `old` and, for updates, `new`. */
  refuse(on: 'UPDATE' | 'DELETE', condition: string, sqlstate?: string): Promise<void>;
  /** Refuses nothing any more. */
  repair(): Promise<void>;
  /** Nobody reaches the database until the returned function is called. */
  cutOff(): Promise<() => Promise<void>>;
  /** Ends the workers, and deletes all tasks. */
  clean(): Promise<void>;
  close(): Promise<void>;
}

export async function createRefusingDatabase(): Promise<RefusingDatabase> {
  const database = await createTestDatabase();
  const producer = await createQueueApp({ url: database.url, options: { autoStart: false } });
  const workers: QueueApp[] = [];
  const repair = () => producer.dataSource.query('DROP TRIGGER IF EXISTS refuse ON pgqueue');
  return {
    producer,
    repair,
    newWorker: async () => {
      const worker = await createQueueApp({ url: database.url, options: FAST });
      workers.push(worker);
      return { ...worker, events: recordEvents(worker.queue) };
    },
    refuse: async (on, condition, sqlstate = 'P0001') => {
      const result = on === 'UPDATE' ? 'new' : 'old';
      await producer.dataSource.query(`
CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN IF ${condition} THEN RAISE 'refused by a trigger' USING ERRCODE = '${sqlstate}'; END IF; RETURN ${result}; END $$`);
      await producer.dataSource.query(
        `CREATE TRIGGER refuse BEFORE ${on} ON pgqueue FOR EACH ROW EXECUTE FUNCTION refuse()`,
      );
    },
    cutOff: () => cutOff(database),
    clean: async () => {
      await repair();
      await Promise.all(workers.splice(0).map((worker) => worker.close()));
      await producer.dataSource.query('DELETE FROM pgqueue');
    },
    close: async () => {
      await producer.close();
      await database.drop();
    },
  };
}

function drafts(name: string, count: number) {
  return Array.from({ length: count }, (_, n) => ({ payload: n, externalKey: `${name} ${n}` }));
}
