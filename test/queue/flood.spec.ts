import { expect } from 'vitest';
import { databasePerFile, deferred, newKind, until } from '../support/index.js';

const FLOOD = 2000;

const { it, app } = databasePerFile({ app: {} });

it('H43: a tenant that floods a kind delays neither what is more urgent there, nor other kinds', async () => {
  const [flooded, other] = [newKind({ workerCount: 1 }), newKind({ workerCount: 1 })];
  const order: unknown[] = [];
  const gate = deferred();
  app.queue.registerKind(flooded, async ({ payload }) => {
    order.push(payload);
    await gate.promise;
  });
  app.queue.registerKind(other, ({ payload }) => void order.push(payload));
  await app.queue.pushTasks(
    Array.from({ length: FLOOD }, () => ({ kind: flooded, payload: 'of the flood' })),
  );
  await until(() => order.length === 1);
  await app.queue.pushTask({ kind: flooded, payload: 'last in line' });
  await app.queue.pushTask({ kind: other, payload: 'other' });
  await until(() => order.length === 2);
  await app.queue.pushTask({ kind: flooded, payload: 'urgent' }, { priority: 0 });
  gate.resolve();
  await until(() => order.length === FLOOD + 3, 20_000);
  expect(order.slice(0, 3)).toEqual(['of the flood', 'other', 'urgent']);
  expect(order.at(-1)).toBe('last in line');
});
