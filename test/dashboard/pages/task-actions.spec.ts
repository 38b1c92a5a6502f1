import { describe, expect, it } from 'vitest';
import type { LoadedKind } from '../../../dashboard/src/api.js';
import { countMeant, resultText } from '../../../dashboard/src/tasks/task-actions.js';
import { STATUSES } from '../../../dashboard/src/statuses.js';

/** With 1 new task, 2 to retry, 3 that run … */
function kindOf(kind: number): LoadedKind {
  const statuses = STATUSES.map((status, n) => [status, { count: n + 1, approximate: kind > 1 }]);
  return { kind, name: `kind ${kind}`, statuses: Object.fromEntries(statuses) } as LoadedKind;
}

const kinds = [kindOf(1), kindOf(2)];

describe('how many tasks an action may change', () => {
  it('is told of a kind and of statuses, as far as the action is for them', () => {
    expect(countMeant('cancel', { kind: '1' }, kinds)).toEqual({ count: 6, approximate: false });
    expect(countMeant('retry', { kind: '1', status: 'new,no_attempts_left' }, kinds)).toEqual({
      count: 4,
      approximate: false,
    });
    expect(countMeant('runNow', { status: 'new' }, kinds)).toEqual({ count: 2, approximate: true });
    expect(countMeant('retry', { kind: '3' }, kinds)).toEqual({ count: 0, approximate: false });
  });

  it('is not told of a filter of anything else', () => {
    expect(countMeant('cancel', { kind: '1', externalKey: 'a' }, kinds)).toBeNull();
  });

  it('is not told as long as the overview has not come', () => {
    expect(countMeant('retry', { kind: '1', status: 'no_attempts_left' }, [])).toBeNull();
  });
});

describe('what an action did', () => {
  const missing = [{ shard: 'eu-1', message: 'The database does not answer' }];

  it('names tasks that the database refuses to change', () => {
    const refused = ['1', '2', '3', '4'].map((id) => ({ id, error: 'not this one' }));
    expect(resultText('cancel', { changed: 2, more: false, refused })).toBe(
      '2 tasks were cancelled. The database refuses 4 others. Task 1: not this one. Task 2: not this one. Task 3: not this one.',
    );
  });

  it('is told with what it did before it failed', () => {
    expect(resultText('retry', { changed: 500, more: false, missing })).toBe(
      '500 tasks were given new attempts. Shard eu-1 failed: The database does not answer.',
    );
    expect(resultText('delete', { changed: 0, more: false, missing })).toBe(
      'Nothing was changed. Shard eu-1 failed: The database does not answer.',
    );
  });
});
