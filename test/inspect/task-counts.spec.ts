import { describe, expect, it } from 'vitest';
import { combineCounts, type CountedTasks } from '../../lib/inspect/task-counts.js';

const caps = { open: 100, finished: 100, exhausted: 500 };
const combine = (answer: Partial<CountedTasks>) =>
  combineCounts(
    { percent: 10, partial: false, caps, counted: [], sampled: [], ...answer },
    (kind) => `kind ${kind}`,
    new Map(),
  );

describe('combineCounts', () => {
  it('takes a sample of everything for what it is', () => {
    const [kind] = combine({ percent: 100, counted: [['open', 1, 'new', 100]], sampled: [[1, 'new', 5000]] });
    expect(kind!.statuses.new).toEqual({ count: 5000, approximate: false });
  });

  it('estimates each status of a class that met its cap, and never below what was counted', () => {
    const [kind] = combine({
      counted: [
        ['open', 1, 'new', 60],
        ['open', 1, 'processing', 40],
        ['exhausted', 1, 'no_attempts_left', 499],
      ],
      sampled: [
        [1, 'new', 123],
        [1, 'processing', 1],
        [1, 'no_attempts_left', 1],
      ],
    });
    expect(kind!.statuses).toMatchObject({
      new: { count: 1230, approximate: true },
      processing: { count: 40, approximate: true },
      must_retry: { count: 0, approximate: true },
      no_attempts_left: { count: 499, approximate: false },
      succeeded: { count: 0, approximate: false },
    });
  });

  it('estimates a class that was not told apart by the sample alone', () => {
    const [kind] = combine({
      counted: [['finished', 1, null, 100]],
      sampled: [
        [1, 'succeeded', 30],
        [1, 'cancelled', 2],
      ],
    });
    expect(kind!.statuses).toMatchObject({
      succeeded: { count: 300, approximate: true },
      cancelled: { count: 20, approximate: true },
      new: { count: 0, approximate: false },
    });
  });

  it('estimates kinds that were not counted, where there are too many of them', () => {
    const counted: CountedTasks['counted'] = [
      ['open', 1, 'new', 7],
      ['exhausted', 2, 'no_attempts_left', 1],
    ];
    const sampled: CountedTasks['sampled'] = [
      [1, 'new', 1],
      [2, 'new', 3],
    ];
    const news = (partial: boolean) =>
      combine({ partial, counted, sampled }).map(({ statuses }) => statuses.new);
    const exact = { count: 7, approximate: false };
    expect(news(true)).toEqual([exact, { count: 30, approximate: true }]);
    expect(news(false)).toEqual([exact, { count: 0, approximate: false }]);
  });

  it('lists kinds in order, by name', () => {
    const kinds = combine({
      counted: [
        ['open', 2, 'new', 1],
        ['finished', -1, 'succeeded', 1],
      ],
    });
    expect(kinds.map(({ kind, name }) => [kind, name])).toEqual([
      [-1, 'kind -1'],
      [2, 'kind 2'],
    ]);
  });
});
