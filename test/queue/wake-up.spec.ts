import { setTimeout } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, describe, expect } from 'vitest';
import { schemaNames } from '../../lib/storage/schema-names.js';
import { databasePerFile, deferred, IDLE, newKind, rejectionOf, until } from '../support/index.js';
import { cannotRunOver, NEEDS_LISTEN, QUEUE_SCHEMA } from '../support/over.js';

const deaf = cannotRunOver(NEEDS_LISTEN);

const { it, database, app, openApp } = databasePerFile({ app: IDLE });

describe('a wake-up', () => {
  let listener: pg.Client;
  const heard: (string | undefined)[] = [];

  it.beforeAll(async () => {
    listener = new pg.Client({ connectionString: database.url });
    await listener.connect();
    listener.on('notification', ({ payload }) => heard.push(payload));
    await listener.query(`LISTEN ${channel}`);
  });

  afterAll(() => listener.end());

  /** What was notified up to now: notifications come in the order of commits. */
  async function notified(): Promise<(string | undefined)[]> {
    await app.dataSource.query(`SELECT pg_notify('${channel}', 'end')`);
    await until(() => heard.includes('end'));
    const all = heard.splice(0);
    return all.slice(0, all.indexOf('end'));
  }

  it('comes with the commit of a transaction that pushes, always', async () => {
    const definition = newKind();
    for (let round = 0; round < 5; round++) {
      await app.dataSource.transaction(async (manager) => {
        await app.queue.pushTask({ kind: definition, payload: 0 }, { manager });
        expect(await notified()).toEqual([]);
      });
      expect(await notified()).toEqual(['']);
    }
  });

  it('does not come when the transaction rolls back', async () => {
    const definition = newKind();
    await rejectionOf(
      app.dataSource.transaction(async (manager) => {
        await app.queue.pushTask({ kind: definition, payload: 0 }, { manager });
        await app.queue.pushTasks([{ kind: definition, payload: 0, externalKey: 'key' }], { manager });
        throw rollback;
      }),
    );
    expect(await notified()).toEqual([]);
  });

  it('H45: comes about once in 8 ms at most, however many processes push single tasks', async () => {
    const definition = newKind();
    const producers = await Promise.all(
      Array.from({ length: 6 }, () => openApp({ options: { autoStart: false } })),
    );
    await notified();
    const startedAt = performance.now();
    await Promise.all(
      producers.map(async ({ queue }) => {
        for (let n = 0; n < 100; n++) {
          await queue.pushTask({ kind: definition, payload: n });
        }
      }),
    );
    const count = (await notified()).length;
    const periods = (performance.now() - startedAt) / 8;
    expect(count).toBeGreaterThanOrEqual(1);
    // Several may find at once that the last ring is 8 ms ago.
    expect(count).toBeLessThanOrEqual(2 * periods + 1);
    await Promise.all(producers.map((producer) => producer.close()));
  });
});

describe('a worker whose poll is an hour away', () => {
  const slow = { loop: { fetcherPeriod: '1h' } };

  it.skipIf(deaf)(
    'H18: runs what commits late after its commit, and meanwhile what was pushed later',
    async () => {
      const definition = newKind(slow);
      const worker = await openApp();
      const ran: unknown[] = [];
      const events = worker.recordEvents();
      worker.queue.registerKind(definition, (task) => ran.push(task.payload));
      await events.first('listening');
      const [pushed, commit] = [deferred(), deferred()];
      const transaction = app.dataSource.transaction(async (manager) => {
        await app.queue.pushTask({ kind: definition, payload: 'early, commits late' }, { manager });
        pushed.resolve();
        await commit.promise;
      });
      await pushed.promise;
      for (let n = 0; n < 20; n++) {
        await app.queue.pushTask({ kind: definition, payload: n });
      }
      await until(() => ran.length === 20);
      expect(ran).not.toContain('early, commits late');
      commit.resolve();
      await transaction;
      await until(() => ran.length === 21);
      expect(ran.at(-1)).toBe('early, commits late');
      await worker.close();
    },
  );

  it.skipIf(deaf)(
    'starts an acknowledged push at once, however long its commit and others take',
    async () => {
      const definition = newKind({ ...slow, workerCount: 10 });
      // A commit that takes its time, as a synchronous standby makes it.
      await app.dataSource.query(`CREATE FUNCTION slow_commit() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN PERFORM pg_sleep((new.payload->>'commitMs')::float8 / 1000); RETURN NULL; END $$`);
      await app.dataSource
        .query(`CREATE CONSTRAINT TRIGGER slow_commit AFTER INSERT ON pgqueue DEFERRABLE INITIALLY DEFERRED
      FOR EACH ROW WHEN (new.kind = ${definition.kind}) EXECUTE FUNCTION slow_commit()`);
      const worker = await openApp();
      const events = worker.recordEvents();
      const ran = new Set<number>();
      worker.queue.registerKind(definition, ({ payload }) => void ran.add((payload as { n: number }).n));
      await events.first('listening');
      for (let n = 0; n < 40; n += 2) {
        // The fast one of each pair is acknowledged while the other commits, and the slow one long after the fast one's ring.
        const [first, second] = n % 4 === 0 ? [0, 60] : [60, 0];
        const earlier = app.queue.pushTask({ kind: definition, payload: { n, commitMs: first } });
        await setTimeout(3);
        await app.queue.pushTask({ kind: definition, payload: { n: n + 1, commitMs: second } });
        await until(() => ran.has(n + 1), 1000);
        await earlier;
        await until(() => ran.has(n), 1000);
      }
      expect(ran.size).toBe(40);
      await app.dataSource.query('DROP FUNCTION slow_commit CASCADE');
      await worker.close();
    },
  );

  it("runs a task to which an open transaction of the application's inserts a foreign key", async () => {
    const definition = newKind(slow);
    const { id } = await app.queue.pushTask({ kind: definition, payload: 0 });
    await app.dataSource.query(
      'CREATE TABLE invoice (task bigint REFERENCES pgqueue (id) ON DELETE SET NULL)',
    );
    await app.dataSource.transaction(async (manager) => {
      await manager.query('INSERT INTO invoice (task) VALUES ($1)', [id]);
      const worker = await openApp();
      const ran: string[] = [];
      worker.queue.registerKind(definition, (task) => void ran.push(task.id));
      await until(() => ran.length > 0, 5000);
      expect(ran).toEqual([id]);
      await worker.close();
    });
    await app.dataSource.query('DROP TABLE invoice');
  });

  it('runs every one of many single pushes from several connections, whichever rings are left out', async () => {
    const definition = newKind({ ...slow, workerCount: 3 });
    const worker = await openApp();
    const ran = new Set<unknown>();
    worker.queue.registerKind(definition, (task) => ran.add(task.payload));
    await Promise.all(
      Array.from({ length: 4 }, async (_, connection) => {
        for (let n = 0; n < 15; n++) {
          await app.queue.pushTask({ kind: definition, payload: `${connection}:${n}` });
        }
      }),
    );
    await until(() => ran.size === 60);
    expect(ran).toContain('3:14');
    await worker.close();
  });

  it('runs delayed tasks when they are due, the earliest first', async () => {
    const definition = newKind(slow);
    const worker = await openApp();
    const ran: { payload: unknown; at: number }[] = [];
    worker.queue.registerKind(definition, (task) => ran.push({ payload: task.payload, at: Date.now() }));
    const startedAt = Date.now();
    for (const delay of [900, 300, 600]) {
      await app.queue.pushTask({ kind: definition, payload: delay }, { delay });
    }
    await until(() => ran.length === 3);
    expect(ran.map(({ payload }) => payload)).toEqual([300, 600, 900]);
    for (const { payload, at } of ran) {
      // The two clocks are of one machine.
      expect(at - startedAt).toBeGreaterThanOrEqual(payload as number);
    }
    await worker.close();
  });

  it('runs a retry when it is due', async () => {
    const definition = newKind({ ...slow, backoff: () => 250 });
    const worker = await openApp();
    const attempts: number[] = [];
    worker.queue.registerKind(definition, (task) => {
      attempts.push(performance.now());
      if (task.attempt < 3) throw new Error('not yet');
    });
    await app.queue.pushTask({ kind: definition, payload: 0 });
    await until(() => attempts.length === 3);
    const [first, second, third] = attempts as [number, number, number];
    expect(second - first).toBeGreaterThanOrEqual(249);
    expect(third - second).toBeGreaterThanOrEqual(249);
    await worker.close();
  });

  it('runs a delayed task when it is due that was pushed while its kind had no free slot and another had one', async () => {
    const [definition, idle] = [newKind(slow), newKind(slow)];
    const worker = await openApp();
    let lookedAt = 0;
    worker.queue.subscribe(({ type }) => (lookedAt = type === 'claimed' ? performance.now() : lookedAt));
    const ran: unknown[] = [];
    const end = deferred();
    worker.queue.registerKind(idle, () => undefined);
    worker.queue.registerKind(definition, async ({ payload }) => {
      ran.push(payload);
      await (payload === 'long' ? end.promise : undefined);
    });
    await app.queue.pushTask({ kind: definition, payload: 'long' });
    await until(() => ran.length === 1);
    await app.queue.pushTask({ kind: definition, payload: 'delayed' }, { delay: 700 });
    // It has looked, and once more after that.
    await until(() => performance.now() - lookedAt > 100);
    end.resolve();
    // Long before the first sweep.
    await until(() => ran.length === 2, 3000);
    expect(ran).toEqual(['long', 'delayed']);
    await worker.close();
  });
});

describe('polling alone', () => {
  it('finds pushes, late commits, delayed tasks and retries within a period or so', async () => {
    const definition = newKind({ loop: { fetcherPeriod: 100 }, backoff: () => 50 });
    const worker = await openApp({ options: { listen: false } });
    const events = worker.recordEvents();
    const ran: unknown[] = [];
    worker.queue.registerKind(definition, (task) => {
      ran.push(task.payload);
      if (task.attempt === 1) throw new Error('once more');
    });
    await app.queue.pushTask({ kind: definition, payload: 'usual' });
    await app.queue.pushTask({ kind: definition, payload: 'delayed' }, { delay: 300 });
    await app.dataSource.transaction(async (manager) => {
      await app.queue.pushTask({ kind: definition, payload: 'late' }, { manager });
      await until(() => ran.includes('usual'));
      expect(ran).not.toContain('late');
    });
    await until(() => ran.length === 6);
    expect(ran.toSorted()).toEqual(['delayed', 'delayed', 'late', 'late', 'usual', 'usual']);
    expect(ran.indexOf('usual')).toBe(0);
    expect(events.of('listening')).toEqual([]);
    await worker.close();
  });
});

const rollback = new Error('roll back');
const { channel } = schemaNames(QUEUE_SCHEMA);
