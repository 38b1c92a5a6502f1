import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EmbeddedPostgres } from '../../scripts/embedded-postgres/index.mjs';
import { findPgBouncer, startPgBouncer } from './support/pgbouncer.mjs';
import { eventually } from './support/wait.mjs';
import { World } from './support/world.js';

const program = findPgBouncer();
if (!program) {
  process.stdout.write(
    'skipped: the tests behind PgBouncer (H17), since it is not installed on this machine\n',
  );
}

describe.skipIf(!program)('PgBouncer in transaction mode', () => {
  let server: EmbeddedPostgres;
  let world: World;
  let pooler: Awaited<ReturnType<typeof startPgBouncer>>;

  beforeAll(async () => {
    server = await EmbeddedPostgres.start({ max_connections: 100 });
    world = await World.create(server, 'pooler');
    // Fewer connections than two workers' queues alone would hold.
    pooler = await startPgBouncer(program!, world.url, 6);
  });
  afterAll(async () => {
    await world.close();
    await pooler.stop();
    await server.stop();
  });

  it('H17: pushes, claims, settlements, cancels and rescues need no session', async () => {
    const config = {
      url: pooler.url,
      kinds: { work: { workerCount: 10 }, fleeting: { workerCount: 5 } },
      queue: { transactionPooling: true, listen: false, leaseTimeout: '3s', heartbeatPeriod: '500ms' },
    };
    const [a, b] = await Promise.all([world.worker(config), world.worker(config)]);
    for (let round = 0; round < 20; round++) {
      await world.producer.push(
        ...Array.from({ length: 25 }, (_, index) => ({
          kind: index % 5 ? ('work' as const) : ('fleeting' as const),
          do: ['ok', 'completes', 'throws', 'follows'][index % 4]!,
          times: 1,
          ms: 5,
        })),
      );
    }
    await world.producer.push({ do: 'heed', ms: 60_000, key: 'running' });
    await eventually(async () => (await open()).length === 1, 60_000, 'all other tasks end');
    expect(await world.producer.cancel('work', 'running')).toBe(true);
    await world.done();

    const hanging = await world.producer.pushMany(10, { do: 'hang', times: 1 });
    await Promise.all(hanging.map((id) => world.started(id)));
    // Either may have taken all of them.
    const run = await runOf(hanging[0]!);
    const [victim, other] = a.run === run ? [a, b] : [b, a];
    await victim.destroy();
    await other.ask('workers', { work: 20 });
    await world.started(hanging[0]!, 2);
    await other.destroy();
    await world.worker(config);
    await world.done(60_000);
    const counts = await world.expectSound();
    expect(counts['tasks']).toBeGreaterThanOrEqual(500 + 1 + 10);
  });

  const open = () => world.producer.rows("SELECT FROM pgqueue WHERE status IN ('new', 'must_retry')");

  /** The process that started this task. */
  async function runOf(id: string): Promise<string> {
    const [row] = await world.producer.rows('SELECT run FROM starts WHERE task_id = $1', [id]);
    return row.run;
  }
});
