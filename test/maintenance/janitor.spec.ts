import { describe, expect } from 'vitest';
import type { KindOptions, TaskDefinition } from '../../lib/index.js';
import { databasePerFile, IDLE, newKind, until } from '../support/index.js';

const { it, producer, openApp } = databasePerFile({ producer: IDLE });

describe('the janitor', () => {
  it('gives its turn back when it is stopped half-way', async () => {
    const definition = janitorOf({ loop: { janitorPeriod: '2s' } });
    const total = 100_000;
    await storeEnded(definition, total, '2h');
    const { worker } = await startWorker([definition]);
    await until(async () => (await count(definition)) < total);
    await worker.queue.stop();
    expect(await count(definition)).toBeGreaterThan(0);
    const [turn] = await producer.dataSource.query(
      'SELECT updated_at::text FROM pgqueue_registry WHERE job = $1',
      [`janitor:${definition.kind}`],
    );
    expect(turn).toEqual({ updated_at: '-infinity' });
    await startWorker([definition]);
    await until(async () => (await count(definition)) === 0);
  });

  it('runs once per period, however many processes there are', async () => {
    const period = 400;
    const definition = janitorOf({ loop: { janitorPeriod: period } });
    const startedAt = performance.now();
    const all = await Promise.all([1, 2, 3].map(async () => (await startWorker([definition])).events));
    const runs = () => all.reduce((sum, events) => sum + events.of('tasks-expired').length, 0);
    await until(() => runs() >= 5);
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual((runs() - 1) * period);
  });

  it('H40: works off 20,000 tasks of a day in one run, keeps the younger, and holds up nobody', async () => {
    const definition = janitorOf({ loop: { janitorPeriod: '1h' } });
    const other = newKind();
    await storeEnded(definition, 20_000, '1 day');
    await storeEnded(definition, 100, '59 minutes');
    const { events } = await startWorker([definition, other]);
    const done = () => events.of('tasks-expired').find(({ kind }) => kind === definition.kind);
    for (let ran = 1; !done(); ran++) {
      await producer.queue.pushTask({ kind: other, payload: 0 });
      await until(() => events.of('attempt-settled').length === ran, 5000);
    }
    expect(done()!.count).toBe(20_000);
    expect(await count(definition)).toBe(100);
  });

  it('H40: is shared by processes without harm: each task is deleted once', async () => {
    const definitions = Array.from({ length: 6 }, () => janitorOf({ loop: { janitorPeriod: 250 } }));
    await Promise.all(definitions.map((definition) => storeEnded(definition, 3000, '2 hours')));
    const all = await Promise.all([1, 2, 3].map(async () => (await startWorker(definitions)).events));
    await until(async () => (await Promise.all(definitions.map(count))).every((left) => left === 0));
    const deleted = () =>
      all.flatMap((events) => events.of('tasks-expired')).reduce((sum, event) => sum + event.count, 0);
    await until(() => deleted() >= 18_000);
    expect(deleted()).toBe(18_000);
    expect(all.flatMap((events) => events.of('connection-failed'))).toEqual([]);
  });

  it('keeps tasks that have no attempts left, whatever their age', async () => {
    const definition = janitorOf({ loop: { janitorPeriod: 250 } });
    await storeEnded(definition, 10, '2 hours');
    await producer.dataSource.query(
      `UPDATE pgqueue SET status = 'no_attempts_left' WHERE id IN (SELECT id FROM pgqueue WHERE kind = $1 LIMIT 4)`,
      [definition.kind],
    );
    const { events } = await startWorker([definition]);
    await until(() => events.of('tasks-expired').length >= 2);
    const left = await producer.stored(`kind = ${definition.kind}`);
    expect(left.map(({ status }) => status)).toEqual(Array.from({ length: 4 }, () => 'no_attempts_left'));
  });

  it('H40: that fails gives its turn back, and takes none of the turns of others', async () => {
    const [broken, sound] = [1, 2].map(() => janitorOf({ loop: { janitorPeriod: '1h' } })) as [
      TaskDefinition<any>,
      TaskDefinition<any>,
    ];
    await Promise.all([storeEnded(broken, 10, '2 hours'), storeEnded(sound, 10, '2 hours')]);
    await producer.dataSource.query(`
      CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not this kind'; END $$;
      CREATE TRIGGER refuse BEFORE DELETE ON pgqueue FOR EACH ROW WHEN (OLD.kind = ${broken.kind}) EXECUTE FUNCTION refuse()`);
    // The third kind makes it look again soon.
    const { events } = await startWorker([broken, sound, janitorOf({ loop: { janitorPeriod: 250 } })]);
    await until(async () => (await count(sound)) === 0);
    await until(() => events.of('task-refused').length >= 10);
    expect(events.of('task-refused')[0]).toMatchObject({
      kind: broken.kind,
      step: 'cleanup',
      error: { code: 'P0001' },
    });
    expect(await count(broken)).toBe(10);
    await producer.dataSource.query('DROP TRIGGER refuse ON pgqueue');
    await until(async () => (await count(broken)) === 0);
    expect(events.of('tasks-expired').filter(({ kind }) => kind === sound.kind)).toHaveLength(1);
  });
});

async function startWorker(definitions: readonly TaskDefinition<any>[]) {
  const worker = await openApp({ options: { autoStart: false } });
  const events = worker.recordEvents();
  definitions.forEach((definition) => worker.queue.registerKind(definition, () => undefined));
  await worker.queue.start();
  return { worker, events };
}

/** Stores tasks that ended so long ago; this is what the test has no time for. */
async function storeEnded({ kind }: TaskDefinition<any>, count: number, age: string): Promise<void> {
  await producer.dataSource.query(
    `INSERT INTO pgqueue (kind, status, finished_at, payload)
     SELECT $1, CASE WHEN n % 2 = 0 THEN 'succeeded' ELSE 'cancelled' END::pgqueue_status, now() - $3::interval, '{}'
     FROM generate_series(1, $2::int) n`,
    [kind, count, age],
  );
}

const count = async ({ kind }: TaskDefinition<any>) =>
  (await producer.dataSource.query('SELECT count(*)::int AS n FROM pgqueue WHERE kind = $1', [kind]))[0].n;

const janitorOf = (options: KindOptions) => newKind({ terminalTasksTtl: '1h', ...options });
