import type { INestApplicationContext } from '@nestjs/common';
import type pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PgQueueModule, type PgQueueModuleOptions, QueueService } from '../../lib/index.js';
import { newKind, recordEvents, until } from '../support/index.js';
import { startApp, typeOrm } from '../support/nest-app.js';
import { createOrdinaryRole, type OrdinaryRole } from '../support/ordinary-role.js';

describe('short of connections', () => {
  let database: OrdinaryRole;
  let admin: pg.Client;
  let role: string;
  const apps: INestApplicationContext[] = [];

  beforeEach(async () => {
    database = await createOrdinaryRole();
    ({ admin, role } = database);
  });

  afterEach(async () => {
    await Promise.all(apps.splice(0).map((app) => app.close()));
    await database.drop();
  });

  const allow = (connections: number) => admin.query(`ALTER ROLE ${role} CONNECTION LIMIT ${connections}`);

  /** Its DataSource holds one connection. */
  async function start(options: PgQueueModuleOptions = {}): Promise<QueueService> {
    const { url } = database;
    const overrides = { migrations: [], migrationsRun: false, extra: { max: 1, idleTimeoutMillis: 0 } };
    const app = await startApp({
      imports: [typeOrm(url, overrides), PgQueueModule.forRoot({ autoStart: false, ...options })],
    });
    apps.push(app);
    return app.get(QueueService);
  }

  /** Waits until so many tasks have succeeded. @returns how many attempts they took in all */
  const attemptsOf = (count: number) =>
    until(async () => {
      const { rows } = await admin.query(
        "SELECT count(*)::int AS n, sum(attempts_elapsed)::int AS attempts FROM pgqueue WHERE status = 'succeeded'",
      );
      return rows[0].n === count && rows[0].attempts;
    }, 20_000);

  it.each([1, 2, 3])('a process works with %i of the connections that it wants', async (own) => {
    await allow(1 + own);
    const queue = await start();
    const events = recordEvents(queue);
    const definition = newKind({ workerCount: 5, terminalTasksTtl: '1h', maxAttempts: 2 });
    queue.registerKind(definition, () => undefined);
    await queue.start();
    await queue.pushTasks(Array.from({ length: 50 }, (_, payload) => ({ kind: definition, payload })));
    expect(await attemptsOf(50)).toBe(50);
    expect(events.of('lease-lost')).toEqual([]);
    // It is told, as long as it lasts.
    expect(events.of('connection-failed').length).toBeGreaterThan(0);
    const { rows } = await admin.query('SELECT count(*)::int AS n FROM pg_stat_activity WHERE usename = $1', [
      role,
    ]);
    expect(rows[0].n).toBeLessThanOrEqual(1 + own);
  });

  it('a process writes the outcomes of what runs when others took the connections that it had', async () => {
    const queue = await start({ listen: false });
    const definition = newKind({ terminalTasksTtl: '1h' });
    let end!: () => void;
    const gate = new Promise<void>((resolve) => (end = resolve));
    let began = false;
    queue.registerKind(definition, () => {
      began = true;
      return gate;
    });
    await queue.start();
    await queue.pushTask({ kind: definition, payload: null });
    await until(() => began);
    await allow(1);
    // All of its connections but that of the heartbeat, whose session says that it lives.
    await admin.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1 AND pid NOT IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory')`,
      [role],
    );
    end();
    expect(await attemptsOf(1)).toBe(1);
    await allow(-1);
  });

  it('processes on fewer connections than they want do all of the work', { timeout: 60_000 }, async () => {
    // Of each its DataSource's one, and eight between them.
    await allow(6 + 8);
    const queues = await Promise.all(Array.from({ length: 6 }, () => start()));
    const definition = newKind({ workerCount: 2, terminalTasksTtl: '1h', maxAttempts: 3 });
    queues.forEach((queue) =>
      queue.registerKind(definition, () => new Promise((resolve) => setTimeout(resolve, 10))),
    );
    await Promise.all(queues.map((queue) => queue.start()));
    await queues[0]!.pushTasks(Array.from({ length: 300 }, (_, payload) => ({ kind: definition, payload })));
    expect(await attemptsOf(300)).toBe(300);
  });
});
