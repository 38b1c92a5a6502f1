import pg from 'pg';
import type { EntityManager } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InvalidManagerError, type Task } from '../../lib/index.js';
import { LostConnections } from '../../lib/storage/lost-connections.js';
import { newKind, recordEvents, rejectionOf, until } from '../support/index.js';
import { cannotRunOver } from '../support/over.js';
import { createQueueApp, type QueueApp, storedTasks } from '../support/queue-app.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

const skipped = cannotRunOver({
  pg: 'each group makes an application of its own',
  pgbouncer: 'sessions of the application are those of PgBouncer',
  shards: 'as above',
  schema: 'one is enough',
});

describe.skipIf(skipped)('a transaction whose session the server ended', () => {
  let database: TestDatabase;
  let owner: pg.Client;
  let pool: pg.Pool;

  beforeAll(async () => {
    database = await createTestDatabase();
    owner = new pg.Client({ connectionString: database.url });
    await owner.connect();
    pool = new pg.Pool({ connectionString: database.url });
  });
  afterAll(async () => {
    await pool.end();
    await owner.end();
    await database.drop();
  });

  const ended = (pid: number) =>
    until(async () => {
      const { rowCount } = await owner.query('SELECT FROM pg_stat_activity WHERE pid = $1', [pid]);
      return rowCount === 0;
    });

  describe('of TypeORM', () => {
    let app: QueueApp;
    beforeAll(async () => {
      app = await createQueueApp({ url: database.url });
    });
    afterAll(() => app.close());

    const lose = (work: (manager: EntityManager) => Promise<unknown>) =>
      app.dataSource.transaction(async (manager) => {
        await manager.query(SHORT);
        const [{ pid }] = await manager.query('SELECT pg_backend_pid() AS pid');
        await ended(pid);
        // The server has ended it before this process hears of it.
        await until(() => manager.queryRunner?.isReleased);
        await work(manager);
      });

    it('is told by the stored message of an attempt that went on in it', async () => {
      const { error, messages } = await runOne(app, () => lose((manager) => manager.query('SELECT 1')));
      expect(messages).toEqual([REASON]);
      expect(error).toMatchObject({ code: '25P03' });
    });

    it('is told where the handler wraps what it got', async () => {
      const { messages } = await runOne(app, () =>
        lose((manager) => manager.query('SELECT 1')).catch((cause) => {
          throw new Error('not charged', { cause });
        }),
      );
      expect(messages).toEqual([`not charged\ncaused by: ${REASON}`]);
    });

    it('is told by a push and by completeIn', async () => {
      const causes: unknown[] = [];
      await runOne(app, (task) =>
        lose(async (manager) => {
          causes.push(await rejectionOf(app.queue.pushTask({ kind: newKind(), payload: 0 }, { manager })));
          causes.push(await rejectionOf(task.completeIn(manager)));
          throw causes[0];
        }),
      );
      for (const error of causes) {
        expect(error).toBeInstanceOf(InvalidManagerError);
        expect(error).toMatchObject({ cause: { code: '25P03', message: REASON } });
        expect(String(error)).not.toContain('released');
      }
    });

    it('leaves other errors as they are', async () => {
      const thrown = new Error('no card');
      const { error, messages } = await runOne(app, () =>
        lose(async () => {
          throw thrown;
        }),
      );
      expect(messages).toEqual(['no card']);
      expect(error).toBe(thrown);
    });
  });

  it('of a pool of pg is told too', async () => {
    const app = await createQueueApp({ url: database.url, options: { pool } });
    let push: unknown;
    const { messages } = await runOne(app, async () => {
      const client = await pool.connect();
      client.on('error', () => undefined);
      try {
        await client.query('BEGIN');
        await client.query(SHORT);
        await ended((await client.query('SELECT pg_backend_pid() AS pid')).rows[0].pid);
        push = await rejectionOf(app.queue.pushTask({ kind: newKind(), payload: 0 }, { executor: client }));
        await client.query('SELECT 1');
      } finally {
        client.release(true);
      }
    });
    expect(messages).toEqual([REASON]);
    expect(push).toMatchObject({ cause: { code: '25P03' } });
    await app.close();
  });
});

describe('LostConnections', () => {
  it('names each reason of the time of an attempt once, and none from before', () => {
    const connections = new LostConnections();
    connections.add({}, lost('ended before', '57P01'));
    const since = performance.now() + 1;
    expect(connections.explain(GONE, since)).toBeUndefined();
    for (const [message, code] of [
      ['one', '25P03'],
      ['one', '25P03'],
      ['two', '57P05'],
    ] as const) {
      connections.add({}, lost(message, code));
    }
    expect(connections.explain(GONE, 0)?.message).toBe('ended before, or one, or two');
    expect(connections.explain('no card', 0)).toBeUndefined();
  });

  it('keeps the last hundred', () => {
    const connections = new LostConnections();
    for (let n = 0; n < 150; n++) {
      connections.add({}, lost(`lost ${n}`, '57P01'));
    }
    const { message } = connections.explain(GONE, 0)!;
    expect(message.split(', or ')).toHaveLength(100);
    expect(message).toContain('lost 149');
  });
});

function lost(message: string, code: string): Error {
  return Object.assign(new Error(message), { code });
}

/** Runs one attempt, and returns its stored messages and the error that events tell. */
async function runOne(app: QueueApp, body: (task: Task) => Promise<unknown>) {
  const kind = newKind({ maxAttempts: 1, maxTaskErrorMessages: 1 });
  const events = recordEvents(app.queue);
  app.queue.registerKind(kind, async (task) => void (await body(task)));
  const { id } = await app.queue.pushTask({ kind, payload: 0 });
  const { error } = await events.first('attempt-settled', (event) => event.kind === kind.kind);
  return { error, messages: (await storedTasks(app.dataSource, `id = ${id}`))[0]!.messages };
}

const REASON = 'terminating connection due to idle-in-transaction timeout';
const GONE = 'Query runner already released. Cannot run queries anymore.';
const SHORT = 'SET LOCAL idle_in_transaction_session_timeout = 50';
