import { expect, it } from 'vitest';
import { isolate } from '../../lib/storage/isolation.js';

const ITEMS = Array.from({ length: 1000 }, (_, n) => n);

/** Work that fails for some items, and counts how often it is tried. */
function workFailingFor(isBad: (item: number) => boolean) {
  const done: number[] = [];
  const counter = { statements: 0, done };
  const work = async (part: readonly number[]) => {
    counter.statements++;
    if (part.some(isBad)) {
      throw new Error('refused');
    }
    done.push(...part);
  };
  return { counter, work };
}

it('finds the few items that fail among very many, and does the others once', async () => {
  const bad = new Set([0, 499, 500, 999]);
  const { counter, work } = workFailingFor((item) => bad.has(item));
  const { refused, untried } = await isolate(ITEMS, work, () => true);
  expect(new Set(refused.map(({ item }) => item))).toEqual(bad);
  expect(untried).toEqual([]);
  expect(counter.done.toSorted((a, b) => a - b)).toEqual(ITEMS.filter((item) => !bad.has(item)));
  expect(counter.statements).toBeLessThan(100);
});

it('gives up early when every item fails, and says which it has not tried', async () => {
  const { counter, work } = workFailingFor(() => true);
  const { refused, untried } = await isolate(ITEMS, work, () => true);
  expect(refused.length).toBeGreaterThan(0);
  expect(refused.length + untried.length).toBe(ITEMS.length);
  expect(counter.statements).toBeLessThan(50);
});

it('blames no item when work on none fails too', async () => {
  const failing = isolate(ITEMS, () => Promise.reject(new Error('the server')), Boolean);
  await expect(failing).rejects.toThrow('the server');
});
