import { expect, it } from 'vitest';
import { ActivityTally, type KindTally } from '../../lib/inspect/activity-tally.js';
import type { DatabaseEvent } from '../../lib/events/queue-events.js';
import type { SettledAs } from '../../lib/task/task-name.js';

const KIND = { kind: 1, name: 'work' };
const settled = (as: SettledAs, exhausted = false, durationMs = 1): DatabaseEvent => ({
  type: 'attempt-settled',
  ...KIND,
  id: '1',
  attempt: 1,
  as,
  exhausted,
  durationMs,
});

const sum = (numbers: readonly number[]) => numbers.reduce((total, n) => total + n, 0);

function tallyOf(...events: DatabaseEvent[]): ActivityTally {
  const tally = new ActivityTally();
  events.forEach(tally.onEvent);
  return tally;
}

const shown = ({ succeeded, failed, exhausted, wait, run }: KindTally) => ({
  succeeded,
  failed,
  exhausted,
  waits: sum(wait),
  runs: sum(run),
});

it.each<[string, DatabaseEvent, object]>([
  ['a success', settled('succeeded'), { succeeded: 1, failed: 0, exhausted: 0, waits: 0, runs: 1 }],
  ['a failure', settled('failed'), { succeeded: 0, failed: 1, exhausted: 0, waits: 0, runs: 1 }],
  ['the last failure', settled('failed', true), { succeeded: 0, failed: 1, exhausted: 1, waits: 0, runs: 1 }],
  ['an ignored attempt', settled('ignored'), { succeeded: 0, failed: 0, exhausted: 0, waits: 0, runs: 1 }],
  [
    'the last one, ignored',
    settled('ignored', true),
    { succeeded: 0, failed: 1, exhausted: 1, waits: 0, runs: 1 },
  ],
  ['a cancel', settled('cancelled'), { succeeded: 0, failed: 0, exhausted: 0, waits: 0, runs: 1 }],
  ['a snooze', settled('snoozed'), { succeeded: 0, failed: 0, exhausted: 0, waits: 0, runs: 1 }],
  [
    'a rescue',
    { type: 'tasks-rescued', ...KIND, count: 5, exhausted: 2, worker: 'dead' },
    { succeeded: 0, failed: 5, exhausted: 2, waits: 0, runs: 0 },
  ],
  [
    'claims',
    { type: 'tasks-claimed', ...KIND, count: 3, waitsMs: [0, 10, 1e9] },
    { succeeded: 0, failed: 0, exhausted: 0, waits: 3, runs: 0 },
  ],
])('counts %s', (_, event, expected) => {
  expect(shown(tallyOf(event).take().get(1)!)).toEqual(expected);
});

it.each<[string, DatabaseEvent]>([
  ['a discarded outcome: its task is counted where it is rescued', settled('lost')],
  ['an attempt that was given back', settled('released')],
  ['a push', { type: 'tasks-pushed', ...KIND, count: 1 }],
])('counts nothing for %s', (_, event) => {
  expect(tallyOf(event).take()).toEqual(new Map());
});

it('keeps kinds apart, and begins anew once taken', () => {
  const tally = tallyOf(settled('succeeded'), { ...settled('failed'), kind: 2 } as DatabaseEvent);
  const taken = tally.take();
  expect([...taken].map(([kind, { succeeded, failed }]) => [kind, succeeded, failed])).toEqual([
    [1, 1, 0],
    [2, 0, 1],
  ]);
  expect(tally.take()).toEqual(new Map());
});

it('adds what is given back to what has come since', () => {
  const tally = tallyOf(settled('succeeded', false, 5), settled('failed', true, 100));
  const taken = tally.take();
  tally.onEvent(settled('succeeded', false, 5));
  tally.giveBack(taken);
  const again = tallyOf(
    settled('succeeded', false, 5),
    settled('failed', true, 100),
    settled('succeeded', false, 5),
  );
  expect(tally.take()).toEqual(again.take());
});
