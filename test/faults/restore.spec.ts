import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EmbeddedPostgres } from '../../scripts/embedded-postgres/index.mjs';
import { ARCHIVING, markMoment, restoreTo, takeBaseBackup } from './support/base-backup.mjs';
import { eventually } from './support/wait.mjs';
import type { Worker } from './support/worker.mjs';
import { World } from './support/world.js';

const CONFIG = {
  kinds: { work: { workerCount: 20 } },
  typeorm: { extra: { max: 20, connectionTimeoutMillis: 2000, query_timeout: 5000 } },
};
/** Within a minute a process gives back what it holds and does not run. */
const RECONCILED_MS = 70_000;

const give = (them: Worker[], slots: number) =>
  Promise.all(them.map((worker) => worker.ask('workers', { work: slots })));

describe('a server that is restored to an earlier moment while its worker processes live on', () => {
  let server: EmbeddedPostgres;
  let world: World;
  let workers: Worker[];

  beforeAll(async () => {
    server = await EmbeddedPostgres.start({ max_connections: 100, ...ARCHIVING });
    world = await World.create(server, 'restored');
    await takeBaseBackup(server);
    workers = [await world.worker(CONFIG), await world.worker(CONFIG)];
  });
  afterAll(async () => {
    await world.close();
    await server.stop();
  });

  const statuses = async (ids: string[]): Promise<string[]> =>
    (await world.producer.rows('SELECT status FROM pgqueue WHERE id = ANY ($1)', [ids])).map(
      ({ status }) => status,
    );
  const succeed = (ids: string[], what: string) =>
    eventually(
      async () => (await statuses(ids)).filter((status) => status === 'succeeded').length === ids.length,
      RECONCILED_MS,
      what,
    );
  const started = (ids: string[]) => Promise.all(ids.map((id) => world.started(id)));

  /** Pushes a task that gets this id, as one of the lost timeline had. */
  async function pushAs(id: string, ms: number): Promise<void> {
    await world.producer.rows("SELECT setval(pg_get_serial_sequence('pgqueue', 'id'), $1, false)", [id]);
    expect(await world.producer.push({ do: 'ok', ms })).toEqual([id]);
  }

  it(
    'runs all that is stored in time, and takes no outcome of what was lost for one of what is there',
    { timeout: 240_000 },
    async () => {
      const { producer } = world;
      const done = await producer.pushMany(5, { do: 'ok' });
      await succeed(done, 'tasks end before the moment');
      // Held at the moment: some end in what is lost, some after the restore, and one belongs to a process that dies in between.
      const ending = await producer.pushMany(10, { do: 'ok', ms: 15_000 });
      const across = await producer.pushMany(6, { do: 'ok', ms: 50_000 });
      await started([...ending, ...across]);
      await give(workers, 0);
      const victim = await world.worker(CONFIG);
      const [orphan] = await producer.push({ do: 'hang', times: 1 });
      expect((await world.started(orphan!)).pid).toBe(victim.pid);
      await give([victim], 0);
      await give(workers, 20);
      const waiting = await producer.pushWith({ delay: 3000 }, [{ do: 'ok' }, { do: 'completes' }]);
      const stored = [...done, ...ending, ...across, orphan!, ...waiting];
      await markMoment(server, 'before');

      const lost = await producer.push(
        { do: 'throws', ms: 40_000 },
        { do: 'ok', ms: 40_000 },
        { do: 'completes', ms: 40_000 },
        { do: 'ok' },
      );
      await started(lost);
      await victim.destroy();
      const late = await world.worker(CONFIG);
      await succeed([...ending, ...waiting], 'tasks end in what will be lost');

      await restoreTo(server, 'before');
      const restoredAt = Date.now();
      lost.forEach((id) => producer.acknowledged.delete(id));
      // The restore has given these back: nothing of their first ends is there.
      await producer.rows(
        "INSERT INTO effects (task_id, attempt, run, outcome) SELECT unnest($1::bigint[]), 1, 'restore', 'given-back'",
        [ending],
      );
      // Their ids come again while the bodies of the lost ones still run.
      for (const id of lost.slice(0, 3)) {
        await pushAs(id, 40_000);
      }
      await started(lost.slice(0, 3));
      await succeed([...stored, ...lost.slice(0, 3)], 'all that is stored ends');
      expect(Date.now() - restoredAt).toBeLessThan(RECONCILED_MS);

      // Nothing of the lost bodies counts: one attempt each, which ended when its own body did.
      expect(
        await producer.rows(
          `SELECT t.attempts_elapsed AS attempts, t.messages, (SELECT array_agg(e.outcome) FROM effects e
             WHERE e.task_id = t.id AND e.at >= (SELECT max(s.at) FROM starts s WHERE s.task_id = t.id) + interval '39 seconds') AS own
           FROM pgqueue t WHERE t.id = ANY ($1) ORDER BY t.id`,
          [lost.slice(0, 3)],
        ),
      ).toEqual([1, 2, 3].map(() => ({ attempts: 1, messages: null, own: ['ok'] })));
      expect(
        await producer.rows("SELECT FROM effects WHERE task_id = ANY ($1) AND outcome = 'completed'", [lost]),
      ).toEqual([]);
      const discarded = [...workers, victim, late].flatMap((worker) =>
        worker.of('attempt-settled', ({ as, at }) => as === 'lost' && at > restoredAt),
      );
      expect(discarded.map(({ id }) => id).toSorted()).toEqual(lost.slice(0, 3).toSorted());
      // A process that came after the moment is not known any more, and goes on under a new lease.
      expect(late.of('lease-lost').length).toBe(1);
      const used = await producer.rows(
        'SELECT id, attempts_elapsed AS attempts FROM pgqueue WHERE attempts_elapsed <> 1',
      );
      expect(used).toEqual([{ id: orphan!, attempts: 2 }]);
      await world.expectSound(20_000);
      const ready = [...workers, late];
      expect(ready.filter(({ exit }) => exit)).toEqual([]);
    },
  );
});
