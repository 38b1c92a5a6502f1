import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  DatabaseError,
  defineTask,
  OutcomeUnknownError,
  PushOutcomeUnknownError,
  type PushResult,
} from '../../lib/index.js';
import { TaskPusher } from '../../lib/producer/task-pusher.js';
import { DatabaseEncoding } from '../../lib/storage/database-encoding.js';
import type { RunStatement } from '../../lib/storage/executor.js';
import { queueSql } from '../../lib/storage/sql/index.js';
import { TaskRepository } from '../../lib/storage/task.repository.js';
import { rejectionOf } from '../support/index.js';
import { errorMessageOf, type LossyRelay, startLossyRelay } from '../support/lossy-relay.js';
import { cannotRunOver, QUEUE_SCHEMA } from '../support/over.js';
import { createQueueApp, type QueueApp, storedTasks } from '../support/queue-app.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

const skipped = cannotRunOver({
  pgbouncer: 'the relay stands between the application and the server',
  dml: 'as above',
  shards: 'as above',
});

describe.skipIf(skipped)('an answer that is lost', () => {
  let database: TestDatabase;
  let relay: LossyRelay;
  let app: QueueApp;
  let owner: pg.Client;

  beforeAll(async () => {
    database = await createTestDatabase();
    relay = await startLossyRelay(database.url);
    app = await createQueueApp({ url: relay.url, options: { autoStart: false } });
    owner = new pg.Client({ connectionString: database.url });
    await owner.connect();
  });
  afterEach(() => owner.query('DELETE FROM pgqueue'));
  afterAll(async () => {
    await app.close();
    relay.close();
    await owner.end();
    await database.drop();
  });

  const stored = async () => {
    const { rows } = await owner.query<{ n: number }>(
      `SELECT (payload ->> 'n')::int AS n FROM pgqueue ORDER BY n`,
    );
    return rows.map(({ n }) => n);
  };
  /** The server has done what it was sent, once nobody else works in the database. */
  const settled = async () => {
    await owner.query('LOCK TABLE pgqueue IN ACCESS EXCLUSIVE MODE');
  };

  it.each([
    ['and the connection is cut', undefined],
    ['and a pooler answers XX000', errorMessageOf('XX000')],
    ['and something answers with a code of the server', errorMessageOf('40001')],
  ])('%s: pushes that share a statement are stored once, and their callers are told', async (_, answer) => {
    const lost = relay.lose((message) => message.includes('"n":20'), answer);
    const outcomes = await Promise.allSettled(
      Array.from({ length: 40 }, (__, n) => app.queue.pushTask(task(n))),
    );
    await lost;
    expect(await stored()).toEqual(Array.from({ length: 40 }, (__, n) => n));
    const reasons = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
    expect(reasons.length).toBeGreaterThan(1);
    for (const reason of reasons) {
      expect(reason).toBeInstanceOf(PushOutcomeUnknownError);
      expect(reason.cause).toBeInstanceOf(DatabaseError);
    }
  });

  it('of a push with a key: the push may be made again', async () => {
    const lost = relay.lose((message) => message.includes('"n":1'));
    const push = () => app.queue.pushTask(task(1, 'one'));
    expect(await rejectionOf(push())).toBeInstanceOf(PushOutcomeUnknownError);
    await lost;
    expect((await push()).status).toBe('duplicate');
    expect(await stored()).toEqual([1]);
  });

  it('to COMMIT: the outcome is unknown', async () => {
    const lost = relay.lose((message) => message.includes('COMMIT'));
    const error = await rejectionOf(app.queue.pushTasks([task(1), task(2, 'two')]));
    await lost;
    expect(error).toBeInstanceOf(PushOutcomeUnknownError);
    expect(await stored()).toEqual([1, 2]);
  });

  it('before COMMIT: nothing is stored, and the error says so by its class', async () => {
    const lost = relay.lose((message) => message.includes('"n":2'));
    const error = await rejectionOf(app.queue.pushTasks([task(1), task(2, 'two')]));
    await lost;
    await owner.query('BEGIN');
    await settled();
    await owner.query('ROLLBACK');
    expect(error).toBeInstanceOf(DatabaseError);
    expect(await stored()).toEqual([]);
  });

  it('to a cancel or a retry: the outcome is unknown, and making it again does no harm', async () => {
    await app.queue.pushTask(task(1, 'one'));
    const lost = relay.lose((message) => message.includes('one'));
    const cancelled = await rejectionOf(app.queue.cancelTaskByKey(Note, 'one'));
    await lost;
    expect(cancelled).toBeInstanceOf(OutcomeUnknownError);
    expect(cancelled).not.toBeInstanceOf(PushOutcomeUnknownError);
    expect(await app.queue.cancelTaskByKey(Note, 'one')).toBe(false);
    await owner.query(`UPDATE pgqueue SET status = 'no_attempts_left'`);
    const retryLost = relay.lose((message) => message.includes('must_retry'));
    expect(await rejectionOf(app.queue.retryTasks(Note))).toBeInstanceOf(OutcomeUnknownError);
    await retryLost;
    expect(await app.queue.retryTasks(Note)).toBe(0);
  });
});

describe('a push in a transaction of its own', () => {
  let database: TestDatabase;
  let app: QueueApp;

  beforeAll(async () => {
    database = await createTestDatabase();
    app = await createQueueApp({ url: database.url, options: { autoStart: false } });
    await app.dataSource.query('CREATE SEQUENCE tries');
    await app.dataSource.query('GRANT USAGE ON SEQUENCE tries TO PUBLIC');
    await app.dataSource.query(`CREATE FUNCTION conflict() RETURNS trigger LANGUAGE plpgsql AS
      'BEGIN IF nextval(''tries'') < TG_ARGV[0]::int THEN RAISE EXCEPTION ''conflict'' USING ERRCODE = TG_ARGV[1]; END IF; RETURN NULL; END'`);
  });
  afterEach(async () => {
    await app.dataSource.query('DROP TRIGGER IF EXISTS conflict ON pgqueue');
    await app.dataSource.query('DELETE FROM pgqueue');
    await app.dataSource.query('ALTER SEQUENCE tries RESTART');
  });
  afterAll(async () => {
    await app.close();
    await database.drop();
  });

  const conflictUntil = (tries: number, code: string) =>
    app.dataSource.query(
      `CREATE TRIGGER conflict AFTER INSERT ON pgqueue FOR EACH STATEMENT EXECUTE FUNCTION conflict('${tries}', '${code}')`,
    );
  const tries = async () => {
    const [{ next }] = await app.dataSource.query(`SELECT nextval('tries')::int AS next`);
    return next - 1;
  };

  it.each([
    ['a push of one task', () => app.queue.pushTask(task(1))],
    ['a push of a key', () => app.queue.pushTask(task(1, 'one'))],
  ])('%s is made again where it conflicts with others', async (_, push) => {
    await conflictUntil(4, '40001');
    expect((await push()).status).toBe('pushed');
    expect(await tries()).toBe(4);
    expect(await storedTasks(app.dataSource)).toHaveLength(1);
  });

  it('is given up after five conflicts, with the code of the server', async () => {
    await conflictUntil(100, '40P01');
    const error = await rejectionOf(app.queue.pushTask(task(1)));
    expect(error).toMatchObject({ code: '40P01' });
    expect(error).toBeInstanceOf(DatabaseError);
    expect(await tries()).toBe(5);
  });

  it('stores a key that was met and has gone before it was looked for', async () => {
    const sql = queueSql(QUEUE_SCHEMA);
    const [first] = [await app.queue.pushTask(task(1, 'one'))];
    let goes = true;
    const run: RunStatement = async (statement, parameters) => {
      const rows = await app.dataSource.query(statement, parameters);
      if (goes && rows.length === 0) {
        goes = false;
        await app.dataSource.query('DELETE FROM pgqueue');
      }
      return rows;
    };
    const draft = {
      kind: 1,
      priority: 5,
      attempts: 3,
      delayMs: 0,
      externalKey: 'one',
      payload: '{"n":2}',
      trace: null,
      shardKey: undefined,
    };
    const pusher = new TaskPusher(new TaskRepository(sql), new DatabaseEncoding());
    const results: PushResult[] = await pusher.push(run, [draft], false, true);
    expect(results).toEqual([{ id: expect.any(String), status: 'pushed' }]);
    expect(results[0]!.id).not.toBe(first!.id);
    expect((await storedTasks(app.dataSource)).map(({ payload }) => payload)).toEqual([{ n: 2 }]);
  });
});

const Note = defineTask<{ n: number }>({ kind: 1, name: 'note' });
const task = (n: number, externalKey?: string) => ({ kind: Note, payload: { n }, externalKey });
