import { expect, it } from 'vitest';
import type { ClaimedTask } from '../../lib/task/claim.js';
import { ClaimCursor } from '../../lib/worker/claim/claim-cursor.js';
import { type ClaimPlan, ClaimSchedule } from '../../lib/worker/claim/claim-schedule.js';
import { IdleBackoff } from '../../lib/worker/claim/idle-backoff.js';
import type { SlotShare } from '../../lib/worker/slots/slot-share.js';

const KIND = 1;
const WHOLE_SHARE: SlotShare = {
  holder: {
    busy: 0,
    abandonedHandlers: 0,
    hasWaiting: false,
    startNext: () => undefined,
    wake: () => undefined,
  },
  offer: (count) => count,
  waitForSlot: () => undefined,
  reserve: () => undefined,
  standBy: () => undefined,
  release: () => undefined,
  stopClaiming: () => undefined,
  started: () => undefined,
  fill: () => undefined,
  freed: () => undefined,
  leave: () => undefined,
};

/** A schedule of one kind with ten free slots; `look` makes the claim that is due at a time, and says what it found. */
function schedule() {
  const pool = {
    kind: KIND,
    free: 10,
    isAdmitted: true,
    fetcherPeriodMs: 1000,
    share: WHOLE_SHARE,
  };
  const claims = new ClaimSchedule(new ClaimCursor(), new IdleBackoff(() => false));
  claims.add(pool);
  return {
    wake: (now: number) => claims.checkAll(now),
    waits: (now: number) => claims.plan(now),
    look(now: number, found: number) {
      const plan = claims.plan(now) as ClaimPlan;
      expect(plan).toBeTypeOf('object');
      claims.sent(plan, 500, now);
      const tasks = Array.from({ length: found }, () => ({ kind: KIND, priority: 5 }) as ClaimedTask);
      claims.answered(plan, tasks, 500, now);
    },
  };
}

it('looks once more 12 ms after a claim that found a task', () => {
  const one = schedule();
  one.look(0, 0);
  one.wake(100);
  one.look(100, 1);
  expect(one.waits(100)).toBe(12);
  one.look(112, 0);
  expect(one.waits(112)).toBeGreaterThan(800);
});

it('looks every 5 ms while several tasks come between two looks, and once more 12 ms after the last', () => {
  const stream = schedule();
  stream.look(0, 0);
  stream.wake(100);
  stream.look(100, 3);
  expect(stream.waits(100)).toBe(5);
  stream.look(105, 2);
  expect(stream.waits(105)).toBe(5);
  stream.look(110, 0);
  expect(stream.waits(110)).toBe(7);
  stream.look(117, 0);
  expect(stream.waits(117)).toBeGreaterThan(800);
});

it('claims at once, without more looks at everything, while more tasks wait than there are slots', () => {
  const backlog = schedule();
  backlog.look(0, 10);
  expect(backlog.waits(1)).toMatchObject({ full: false });
  backlog.look(1, 10);
  expect(backlog.waits(11)).toMatchObject({ full: false });
  expect(backlog.waits(12)).toMatchObject({ full: true });
});
