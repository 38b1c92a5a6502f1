import { describe, expect, it } from 'vitest';
import { addKinds, NOTHING, snapshotOf, type SnapshotParts } from '../../lib/inspect/cluster-snapshot.js';
import type { KindCounts } from '../../lib/inspect/task-view.js';

const NOW = Date.UTC(2026, 0, 1);
const DEAD_TUPLES = {
  pgqueue: 1,
  pgqueue_lease: 2,
  pgqueue_registry: 3,
  pgqueue_pause: 4,
  pgqueue_activity: 5,
  pgqueue_snapshot: 6,
  pgqueue_wake: 7,
};

const countsOf = (kind: number, fresh: number, dueMs: number | null = null): KindCounts => ({
  kind,
  name: '',
  statuses: {
    new: { count: fresh, approximate: true },
    must_retry: { count: 0, approximate: false },
    processing: { count: 0, approximate: false },
    no_attempts_left: { count: 0, approximate: false },
    succeeded: { count: 0, approximate: false },
    cancelled: { count: 0, approximate: false },
  },
  oldestDueAt: dueMs === null ? null : new Date(NOW - dueMs),
});

const shot = (parts: Partial<SnapshotParts> = {}) =>
  snapshotOf({
    counts: [],
    paused: new Set(),
    workers: { live: 1, lost: 0 },
    handled: new Map(),
    vitals: { now: NOW, deadTuples: DEAD_TUPLES, oldestTransactionMs: 0, heldXmin: null },
    nameOf: () => undefined,
    previous: null,
    ...parts,
  });

describe('the kinds of a snapshot', () => {
  it('are those that anybody names: this process, a worker process; all others are one', () => {
    const { kinds, unknown } = shot({
      counts: [countsOf(1, 10, 5000), countsOf(2, 20), countsOf(3, 30, 1000), countsOf(4, 40, 3000)],
      handled: new Map([
        [2, 'two'],
        [9, 'nine'],
      ]),
      paused: new Set([4]),
      nameOf: (kind) => (kind === 1 ? 'one' : undefined),
    });
    expect(kinds).toEqual([
      { kind: 1, name: 'one', tasks: { ...NOTHING.tasks, new: 10 }, oldestDueMs: 5000, paused: false },
      { kind: 2, name: 'two', tasks: { ...NOTHING.tasks, new: 20 }, oldestDueMs: 0, paused: false },
      { kind: 9, name: 'nine', ...NOTHING },
    ]);
    expect(unknown).toEqual({ tasks: { ...NOTHING.tasks, new: 70 }, oldestDueMs: 3000, paused: true });
  });

  it('keep their names when the last worker process is gone, as long as there is something of them', () => {
    const first = shot({ counts: [countsOf(1, 1)], handled: new Map([[1, 'one']]) });
    const second = shot({ counts: [countsOf(1, 2)], previous: first });
    expect(second.kinds).toMatchObject([{ name: 'one', tasks: { new: 2 } }]);
    const third = shot({ previous: second });
    expect(third.kinds).toEqual([]);
    expect(shot({ counts: [countsOf(1, 2)], previous: third })).toMatchObject({
      kinds: [],
      unknown: { tasks: { new: 2 } },
    });
  });

  it('take their latest names', () => {
    const previous = shot({ counts: [countsOf(1, 1)], handled: new Map([[1, 'old']]) });
    expect(shot({ previous, handled: new Map([[1, 'new']]) }).kinds).toMatchObject([{ name: 'new' }]);
  });

  it('have been due for no negative time, whatever the clocks say', () => {
    expect(shot({ counts: [countsOf(1, 1, -5)] }).unknown.oldestDueMs).toBe(0);
  });
});

describe('the age of the oldest transaction', () => {
  const vitals = (heldXmin: string | null, now: number, oldestTransactionMs = 0) => ({
    now,
    deadTuples: DEAD_TUPLES,
    oldestTransactionMs,
    heldXmin,
  });

  it('counts what a standby or a slot holds from when it was first seen, until it moves on', () => {
    const first = shot({ vitals: vitals('700', NOW) });
    expect(first.oldestTransactionMs).toBe(0);
    const second = shot({ vitals: vitals('700', NOW + 15_000), previous: first });
    const third = shot({ vitals: vitals('700', NOW + 30_000, 10), previous: second });
    expect(third.oldestTransactionMs).toBe(30_000);
    const moved = shot({ vitals: vitals('701', NOW + 45_000, 10), previous: third });
    expect(moved.oldestTransactionMs).toBe(10);
    expect(shot({ vitals: vitals(null, NOW + 60_000), previous: moved }).held).toBeNull();
  });

  it('is that of the oldest session where that is older', () => {
    const previous = shot({ vitals: vitals('700', NOW) });
    expect(shot({ vitals: vitals('700', NOW + 1000, 5000), previous }).oldestTransactionMs).toBe(5000);
  });
});

it('adds two kinds of one name', () => {
  const a = { tasks: { ...NOTHING.tasks, new: 1, succeeded: 2 }, oldestDueMs: 5, paused: false };
  const b = { tasks: { ...NOTHING.tasks, new: 3 }, oldestDueMs: 9, paused: true };
  expect(addKinds(a, b)).toEqual({
    tasks: { ...NOTHING.tasks, new: 4, succeeded: 2 },
    oldestDueMs: 9,
    paused: true,
  });
});
