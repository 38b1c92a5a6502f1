import { expect } from 'vitest';
import { DatabaseTail } from '../../lib/cli/database-tail.js';
import { QueueAdmin } from '../../lib/index.js';
import { databasePerFile, IDLE, newKind } from '../support/index.js';

const { it, app } = databasePerFile({ app: IDLE });

it('tells nothing that was there before a first look that broke off', async () => {
  const { id } = await app.queue.pushTask({ kind, payload: 1 });
  await app.queue.pushTask({ kind, payload: 2 });
  await end(id);
  const { away, tail } = interrupted();
  away.status = 'no_attempts_left';
  expect(await tail.poll()).toMatchObject([{ event: 'shard-down' }]);
  away.status = undefined;
  expect(await tail.poll()).toMatchObject([{ event: 'shard-up' }]);
});

it('tells after a look that broke off what had ended until then', async () => {
  const { away, tail } = interrupted();
  await tail.poll();
  const { id } = await app.queue.pushTask({ kind, payload: 3 });
  await end(id);
  away.status = 'no_attempts_left';
  expect(await tail.poll()).toMatchObject([{ event: 'pushed', task: { id } }, { event: 'shard-down' }]);
  away.status = undefined;
  expect(await tail.poll()).toMatchObject([{ event: 'shard-up' }, { event: 'succeeded', task: { id } }]);
});

it('tells of a push whose transaction commits behind later ones', async () => {
  const { tail } = interrupted();
  await tail.poll();
  const runner = app.dataSource.createQueryRunner();
  await runner.startTransaction();
  const early = await app.queue.pushTask({ kind, payload: 4 }, { manager: runner.manager });
  const later = await app.queue.pushTask({ kind, payload: 5 });
  expect(await tail.poll()).toMatchObject([{ event: 'pushed', task: { id: later.id } }]);
  await runner.commitTransaction();
  await runner.release();
  expect(await tail.poll()).toMatchObject([{ event: 'pushed', task: { id: early.id } }]);
  expect(await tail.poll()).toEqual([]);
});

it('takes nothing for pushed that comes to light as younger tasks are deleted', async () => {
  await app.queue.pushTasks(Array.from({ length: 250 }, (_, payload) => ({ kind, payload })));
  const { tail } = interrupted();
  await tail.poll();
  await app.dataSource.query(
    'DELETE FROM pgqueue WHERE id IN (SELECT id FROM pgqueue ORDER BY id DESC LIMIT 100)',
  );
  expect(await tail.poll()).toEqual([]);
  const { id } = await app.queue.pushTask({ kind, payload: 6 });
  expect(await tail.poll()).toMatchObject([{ event: 'pushed', task: { id } }]);
});

const kind = newKind();

/** A shard that goes away in the middle of a look: lists of these statuses fail while it lasts. */
function interrupted() {
  const admin = app.get(QueueAdmin);
  const away = { status: undefined as string | undefined };
  const list: QueueAdmin['list'] = (filter, page) =>
    away.status !== undefined && filter?.status === away.status
      ? Promise.reject(new Error('gone'))
      : admin.list(filter, page);
  return { away, tail: new DatabaseTail({ list } as QueueAdmin, admin.shardNames[0]!) };
}

const end = (id: string | null) =>
  app.dataSource.query(`UPDATE pgqueue SET status = 'succeeded', finished_at = now() WHERE id = $1`, [id]);
