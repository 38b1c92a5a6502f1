import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { EmbeddedPostgres } from '../../scripts/embedded-postgres/index.mjs';
import { eventually } from './support/wait.mjs';
import { World } from './support/world.js';

const APP_POOL = { extra: { max: 10, connectionTimeoutMillis: 3000, query_timeout: 5000 } };
const KINDS = { work: { workerCount: 10 }, other: { workerCount: 10 } };

describe('a server that is there and does not work', () => {
  let server: EmbeddedPostgres;
  let world: World;
  let count = 0;

  beforeAll(async () => {
    server = await EmbeddedPostgres.start({ max_connections: 60 });
  });
  beforeEach(async () => {
    world = await World.create(server, `troubles_${++count}`);
  });
  afterEach(() => world.close());
  afterAll(() => server.stop());

  it('H14: a backend that hangs is given up, by the one that claims as by the one that carries the heartbeat', async () => {
    const queue = { statementTimeout: '2s', leaseTimeout: '8s' };
    const workers = await Promise.all(
      [1, 2].map(() => world.worker({ kinds: KINDS, typeorm: APP_POOL, queue })),
    );
    // Either would take what the other runs, were its lease not kept.
    await world.producer.pushMany(10, { kind: 'other', do: 'quiet', ms: 12_000 });
    // The server shows the first 1,024 bytes of a statement.
    for (const statement of ['%taken AS MATERIALIZED (%', '%beat AS (%']) {
      // Between statements: one that is halted in the middle of a commit may hold a lock that the whole server needs.
      const backend = await eventually(
        async () =>
          (
            await world.producer.rows(
              `SELECT pid FROM pg_stat_activity
               WHERE datname = current_database() AND query LIKE $1 AND state = 'idle' AND pid <> pg_backend_pid()`,
              [statement],
            )
          )[0],
        10_000,
        'its last statement is that one',
      );
      process.kill(backend.pid, 'SIGSTOP');
      try {
        const haltedAt = Date.now();
        await eventually(
          () =>
            workers.some((worker) => worker.of('connection-failed', ({ at }) => at > haltedAt).length > 0),
          10_000,
          'its worker gives up waiting',
        );
        const ids = await world.producer.pushMany(20, { do: 'ok' });
        await Promise.all(ids.map((id) => world.started(id, 1, 10_000)));
      } finally {
        process.kill(backend.pid, 'SIGCONT');
      }
    }
    await world.done();
    expect(workers.flatMap((worker) => [...worker.of('lease-lost'), ...worker.of('tasks-rescued')])).toEqual(
      [],
    );
    await world.expectSound();
  });

  it('a server that refuses every write, as one does whose disk is full (53100): nothing is lost, no attempt is used', async () => {
    const worker = await world.worker({ kinds: KINDS, typeorm: APP_POOL });
    await world.producer.pushMany(10, { do: 'quiet', ms: 2000 });
    await eventually(() => worker.of('start').length === 10, 15_000, 'ten handlers run');
    await world.producer.pushMany(20, { do: 'ok' });
    await world.producer.rows(`
      CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE 'could not extend file: no space left on device' USING ERRCODE = 'disk_full'; END $$`);
    for (const table of ['pgqueue', 'pgqueue_lease']) {
      await world.producer.rows(
        `CREATE TRIGGER refuse BEFORE INSERT OR UPDATE OR DELETE ON ${table} FOR EACH ROW EXECUTE FUNCTION refuse()`,
      );
    }
    const down = await eventually(
      async () => {
        const health = await worker.ask('health');
        return health.status === 'down' && health;
      },
      15_000,
      'health goes down',
    );
    expect(down.error).toContain('refused by the function');
    await expect(world.producer.push({ do: 'ok' })).rejects.toThrow('refused by the function');
    for (const table of ['pgqueue', 'pgqueue_lease']) {
      await world.producer.rows(`DROP TRIGGER refuse ON ${table}`);
    }
    await world.done();
    const [{ most }] = await world.producer.rows('SELECT max(attempts_elapsed) AS most FROM pgqueue');
    expect(most).toBe(1);
    expect(await world.expectSound()).toMatchObject({ tasks: 30, succeeded: 30 });
    world.expectAlive();
  });
});
