import { describe, expect } from 'vitest';
import { TRANSITIONS } from '../support/transitions.js';
import { arrange, createWorld, type Node, statusOf } from '../support/arrange.js';
import { databasePerFile, deferred, newKind, recordEvents, until } from '../support/index.js';
import { NODES } from './transition-cases.js';

const { it, world } = databasePerFile({}, { world: ({ url }) => createWorld(url) });

describe('a claim', () => {
  it('takes new tasks and those that must be retried, when they are due, and no others', async () => {
    const { producer, worker } = world;
    let slots = 10;
    const end = deferred();
    const ran: string[] = [];
    const definition = newKind({ workerCount: () => slots, backoff: () => 0 });
    worker.queue.registerKind(definition, async ({ externalKey, attempt }) => {
      ran.push(externalKey!);
      if (externalKey === 'no_attempts_left' || (externalKey === 'must_retry' && attempt === 1)) {
        slots = 0;
        throw new Error('failed');
      }
      if (externalKey !== 'succeeded') await end.promise;
    });
    const rows = async () => {
      const found: { row: Record<string, unknown> }[] = await producer.dataSource.query(
        'SELECT to_jsonb(t) AS row FROM pgqueue t WHERE kind = $1',
        [definition.kind],
      );
      return new Map(found.map(({ row }) => [row['external_key'] as string, row]));
    };
    const push = async (externalKey: string, options = {}, kind = definition) => {
      await producer.queue.pushTask({ kind, payload: 0, externalKey }, options);
    };
    const becomes = (key: string, status: Node) =>
      until(async () => statusOf((await rows()).get(key) ?? null) === status);

    await push('succeeded');
    await becomes('succeeded', 'succeeded');
    await push('processing');
    await becomes('processing', 'processing');
    await push('no_attempts_left', {}, { ...definition, maxAttempts: 1 });
    await becomes('no_attempts_left', 'no_attempts_left');
    slots = 10;
    await push('must_retry');
    await becomes('must_retry', 'must_retry');
    await push('new');
    await push('new, later', { delay: '1h' });
    await push('cancelled');
    await producer.queue.cancelTaskByKey(definition, 'cancelled');

    const statuses: Node[] = [
      'succeeded',
      'processing',
      'no_attempts_left',
      'must_retry',
      'new',
      'cancelled',
    ];
    const before = await rows();
    expect(statuses.map((status) => statusOf(before.get(status!)!))).toEqual(statuses);
    ran.length = 0;
    slots = 10;
    await push('last', { priority: 9 });
    await until(() => ran.includes('last'));
    expect(ran.toSorted()).toEqual(['last', 'must_retry', 'new']);
    const after = await rows();
    expect(statuses.map((status) => statusOf(after.get(status!)!))).toEqual(expected('claim', statuses));
    for (const key of ['succeeded', 'processing', 'no_attempts_left', 'cancelled', 'new, later']) {
      expect(after.get(key)).toEqual(before.get(key));
    }
    expect(after.get('new')).toMatchObject({ attempts_left: 32_766, attempts_elapsed: 1 });
    expect(after.get('must_retry')).toMatchObject({ attempts_left: 32_765, attempts_elapsed: 2 });
    end.resolve();
  });
});

describe('the janitor', () => {
  it('deletes what is terminal for longer than the TTL, and nothing else however old', async () => {
    const statuses = NODES;
    let ttl: string | number = '1h';
    const events = recordEvents(world.worker.queue);
    const options = { terminalTasksTtl: () => ttl, loop: { fetcherPeriod: 50, janitorPeriod: 250 } };
    const tasks = await Promise.all(statuses.map((status) => arrange(world, status, options)));
    const before = await Promise.all(tasks.map((task) => task.row()));
    const runs = () =>
      Math.min(
        ...tasks.map(
          ({ definition }) =>
            events.of('tasks-expired').filter(({ kind }) => kind === definition.kind).length,
        ),
      );
    await until(() => runs() >= 1);
    expect(await Promise.all(tasks.map((task) => task.now()))).toEqual(statuses);

    ttl = 1;
    const runBefore = runs();
    await until(() => runs() >= runBefore + 2);
    const after = await Promise.all(tasks.map((task) => task.row()));
    expect(after.map(statusOf)).toEqual(expected('janitor', statuses));
    expect(after.filter((row) => row !== null)).toEqual(
      before.filter((row) => row !== null && !['succeeded', 'cancelled'].includes(statusOf(row)!)),
    );
    tasks.forEach((task) => task.endBody());
  });
});

/** Where the table says that an event leads, for each of the statuses. */
function expected(event: 'claim' | 'janitor', from: readonly Node[]): Node[] {
  return from.map((node) => {
    const found = TRANSITIONS.find((transition) => transition.event === event && transition.from === node);
    return found ? found.to[0]! : node;
  });
}
