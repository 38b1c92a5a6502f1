import { expect } from 'vitest';
import { defineTask } from '../../lib/index.js';
import { deferred } from '../support/index.js';
import { createShardedApp, shardsPerFile } from '../support/sharded-app.js';

const { it, app } = shardsPerFile(['a', 'b'], {
  app: (databases) => createShardedApp({ databases, options: { autoStart: false } }),
});

it('pushTasks stores tasks as they were at the call, though the caller changes them while a schema is awaited', async () => {
  const validation = deferred();
  const validate = (value: unknown) => validation.promise.then(() => ({ value }));
  const kind = defineTask({
    kind: 1,
    name: 'checked',
    payload: { '~standard': { version: 1, vendor: 'test', validate } },
  });
  const tasks = ['a/1', 'a/2'].map((shardKey) => ({ kind, payload: shardKey, shardKey }));
  const push = app.queue.pushTasks(tasks);
  Object.assign(tasks[1]!, { payload: 'b/1', shardKey: 'b/1' });
  tasks.push({ kind, payload: 'b/2', shardKey: 'b/2' });
  validation.resolve();
  expect(await push).toHaveLength(2);
  const stored = (shard: string) => app.dataSource(shard).query('SELECT payload FROM pgqueue ORDER BY id');
  expect(await stored('a')).toEqual([{ payload: 'a/1' }, { payload: 'a/2' }]);
  expect(await stored('b')).toEqual([]);
});
