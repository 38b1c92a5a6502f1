import { expect, it } from 'vitest';
import { RefusedOutcomes } from '../../lib/worker/settle/refused-outcomes.js';
import { RefusedTasks } from '../../lib/worker/refused-tasks.js';
import type { SettlerEntry } from '../../lib/worker/settle/settler-entry.js';

const entry = (id: number): SettlerEntry => ({
  settlement: { write: 'delete', id, claimId: 1 },
  leaseId: 1,
  task: { kind: 1, name: 'one', id: String(id), attempt: 1 },
  as: 'succeeded',
  durationMs: 1,
  completed: false,
  uncertain: false,
});
const failure = (code: string) => Object.assign(new Error(`fails with ${code}`), { code });
const refusedTasks = () =>
  new RefusedTasks({
    events: { emit: () => undefined },
    origin: { name: 'default', idOf: String },
    pools: { nameOf: () => 'one' },
  });

it('a batch that is divided when the server goes down leaves what is not written, and no more', async () => {
  const written: number[] = [];
  const outcomes = new RefusedOutcomes({
    refused: refusedTasks(),
    held: { holds: () => true },
    onDone: () => undefined,
    writer: {
      writeHeld: async (entries) => {
        const ids = entries.map(({ settlement }) => settlement.id);
        if (written.length > 0 && !ids.includes(0)) {
          throw failure('08006');
        }
        if (ids.includes(0)) {
          throw failure('P0001');
        }
        written.push(...ids);
      },
    },
  });
  const batch = [0, 1, 2, 3, 4, 5, 6, 7].map(entry);
  const { left, untried } = await outcomes.divide(batch);
  expect(written.toSorted()).toEqual([4, 5, 6, 7]);
  expect(left.map(({ settlement }) => settlement.id)).toEqual([0, 1, 2, 3]);
  expect(untried).toEqual([]);
});

it('outcomes of two attempts at a task are both tried again, and the task is told of as long as one is refused', async () => {
  const refused = refusedTasks();
  const written: SettlerEntry[] = [];
  let isDown = true;
  const outcomes = new RefusedOutcomes({
    refused,
    held: { holds: () => true },
    onDone: () => undefined,
    writer: {
      writeHeld: async (entries) => {
        if (isDown) {
          throw failure('P0001');
        }
        written.push(...entries);
      },
    },
  });
  const [first, second] = [entry(1), { ...entry(1), leaseId: 2 }];
  outcomes.keep(first, 'outcome', failure('P0001'));
  outcomes.keep(second, 'outcome', failure('P0001'));
  isDown = false;
  await refused.close();
  await outcomes.tryLast();
  expect(new Set(written)).toEqual(new Set([first, second]));
  expect(refused.has(1, 'outcome')).toBe(false);
});
