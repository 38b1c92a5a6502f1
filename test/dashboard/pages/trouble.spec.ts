import { describe, expect, it } from 'vitest';
import type { LoadedKind } from '../../../dashboard/src/api.js';
import { BY_TROUBLE, inOrder, judge, matching } from '../../../dashboard/src/overview/kind-order.js';
import { troublesOf } from '../../../dashboard/src/trouble.js';

const NOW = Date.parse('2026-11-24T12:00:00Z');
const ago = (ms: number) => new Date(NOW - ms).toISOString();
const MINUTE = 60_000;

type Counts = Partial<Record<keyof LoadedKind['statuses'], number>>;

function kindWith({
  counts = {},
  minutes = [],
  ...rest
}: Partial<LoadedKind> & {
  counts?: Counts;
  minutes?: Partial<LoadedKind['points'][number]>[];
} = {}): LoadedKind {
  const count = (status: keyof Counts) => ({ count: counts[status] ?? 0, approximate: false });
  const points = Array.from({ length: 60 }, (_, n) => ({
    at: ago((59 - n) * MINUTE),
    succeeded: 0,
    failed: 0,
    exhausted: 0,
    ...minutes[n - 60 + minutes.length],
  }));
  return {
    kind: 1,
    name: 'work',
    pausedAt: null,
    unpausedIn: [],
    processes: 2,
    slots: { capacity: 10, busy: 1, fullSince: null },
    settings: null,
    points,
    wait: null,
    run: null,
    oldestDueAt: null,
    statuses: {
      new: count('new'),
      must_retry: count('must_retry'),
      processing: count('processing'),
      no_attempts_left: count('no_attempts_left'),
      succeeded: count('succeeded'),
      cancelled: count('cancelled'),
    },
    ...rest,
  };
}

const told = (kind: LoadedKind) =>
  troublesOf(kind, NOW).map(({ severity, label }) => `${severity}: ${label}`);

describe('the troubles of a kind', () => {
  it('are none while tasks are done in time, or nothing waits for a worker', () => {
    const counts = { new: 5, processing: 1, succeeded: 100 };
    expect(told(kindWith({ counts, oldestDueAt: ago(MINUTE) }))).toEqual([]);
    expect(told(kindWith({ processes: 0, slots: { capacity: 0, busy: 0, fullSince: null } }))).toEqual([]);
  });

  it('are tasks that nobody handles', () => {
    const kind = kindWith({ counts: { new: 3 }, processes: 0, oldestDueAt: ago(26 * MINUTE) });
    expect(troublesOf(kind, NOW)).toEqual([
      {
        severity: 'critical',
        label: 'no worker',
        text: 'No live process handles it. The oldest has been due for 26 min.',
        remedy: 'start-worker',
      },
    ]);
    const slots = { capacity: 0, busy: 0, fullSince: null };
    expect(told(kindWith({ counts: { new: 1 }, slots }))).toEqual(['warning: no slots']);
  });

  it('are tasks that a lost process holds, while nobody is there to give them back', () => {
    const slots = { capacity: 0, busy: 0, fullSince: null };
    expect(troublesOf(kindWith({ counts: { processing: 2 }, processes: 0, slots }), NOW)).toEqual([
      {
        severity: 'critical',
        label: 'no worker',
        text: 'No live process handles it, and 2 tasks are held by one that is lost.',
        remedy: 'start-worker',
      },
    ]);
    expect(told(kindWith({ counts: { processing: 2 }, processes: 1 }))).toEqual([]);
  });

  it('are a pause, and that more when tasks wait for its end', () => {
    const pausedAt = ago(MINUTE);
    expect(told(kindWith({ pausedAt }))).toEqual(['note: paused']);
    expect(told(kindWith({ pausedAt, counts: { new: 1 }, oldestDueAt: ago(5) }))).toEqual([
      'warning: paused',
    ]);
    const unpausedIn = ['eu-2', 'eu-3'];
    expect(troublesOf(kindWith({ pausedAt, unpausedIn, counts: { new: 1 } }), NOW)).toMatchObject([
      {
        severity: 'warning',
        label: 'paused in part',
        text: expect.stringMatching(/In shards eu-2, eu-3 it is not: .* 1 task waits\.$/),
      },
    ]);
  });

  it('are tasks that are late, with the reason', () => {
    const slots = { capacity: 10, busy: 10, fullSince: ago(4 * MINUTE) };
    const kind = kindWith({ counts: { new: 1 }, oldestDueAt: ago(2 * MINUTE), slots });
    expect(troublesOf(kind, NOW)).toMatchObject([
      {
        severity: 'warning',
        text: 'The oldest has been due for 2 min. All 10 slots have been busy for 4 min.',
      },
    ]);
    const later = kindWith({ counts: { new: 1 }, oldestDueAt: ago(11 * MINUTE) });
    expect(troublesOf(later, NOW)).toMatchObject([
      { severity: 'critical', text: 'The oldest has been due for 11 min. 9 slots are free.' },
    ]);
  });

  it('are tasks without attempts, and that more when it happens now', () => {
    expect(told(kindWith({ counts: { no_attempts_left: 1 } }))).toEqual(['warning: no attempts left']);
    const kind = kindWith({ counts: { no_attempts_left: 2 }, minutes: [{ failed: 1, exhausted: 1 }] });
    expect(told(kind)).toEqual(['critical: no attempts left']);
    // Those that were retried meanwhile are not among those that are there.
    const fewer = kindWith({ counts: { no_attempts_left: 1 }, minutes: [{ failed: 7, exhausted: 7 }] });
    expect(troublesOf(fewer, NOW)[0]!.text).toBe('1 task has used up all attempts; in the last hour 7 did.');
  });

  it('are failures: many of the attempts, and more than before', () => {
    const few = [{ succeeded: 90, failed: 10 }];
    expect(told(kindWith({ minutes: few }))).toEqual([]);
    expect(told(kindWith({ minutes: [{ failed: 4 }] }))).toEqual([]);
    const growing = [{ succeeded: 20, failed: 5 }];
    expect(told(kindWith({ minutes: growing }))).toEqual(['critical: failing more']);
    const shrinking = [{ failed: 6 }, ...Array.from({ length: 9 }, () => ({})), { succeeded: 20, failed: 5 }];
    expect(told(kindWith({ minutes: shrinking }))).toEqual(['warning: failing']);
  });
});

describe('the list of kinds', () => {
  const kinds = judge(
    [
      kindWith({ kind: 1, name: 'b' }),
      kindWith({ kind: 2, name: 'a', counts: { new: 7 } }),
      kindWith({ kind: 3, name: 'c', counts: { no_attempts_left: 1 } }),
      kindWith({ kind: 4, name: 'd', counts: { new: 9 }, processes: 0, oldestDueAt: ago(5) }),
    ],
    new Date(NOW).toISOString(),
  );
  const names = (order: Parameters<typeof inOrder>[1]) => inOrder(kinds, order).map(({ kind }) => kind.name);

  it('has the worst on top, and the others by name', () => {
    expect(names(BY_TROUBLE)).toEqual(['d', 'c', 'a', 'b']);
  });

  it('is sorted by any column, equal ones by name', () => {
    expect(names({ column: 'new', descending: true })).toEqual(['d', 'a', 'b', 'c']);
    expect(names({ column: 'name', descending: false })).toEqual(['a', 'b', 'c', 'd']);
  });

  it('is searched by a part of a name, or by a number', () => {
    expect(matching(kinds, ' D ').map(({ kind }) => kind.name)).toEqual(['d']);
    expect(matching(kinds, '2').map(({ kind }) => kind.name)).toEqual(['a']);
    expect(matching(kinds, '')).toHaveLength(4);
  });
});
