import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { assertRunnable, resolveKindOptions } from '../../lib/task/kind-options.js';
import { QueueEvents } from '../../lib/events/queue-events.js';
import { FairSlots, type FairSlotShare } from '../../lib/worker/slots/fair-slots.js';
import type { SlotHolder } from '../../lib/worker/slots/slot-share.js';

/** The tasks of one shard, as far as slots are concerned. */
class Holder implements SlotHolder {
  busy = 0;
  abandonedHandlers = 0;
  waiting = 0;
  wakes = 0;
  readonly share: FairSlotShare;

  constructor(slots: FairSlots) {
    this.share = slots.join(this);
  }

  get hasWaiting(): boolean {
    return this.waiting > 0;
  }

  startNext(): void {
    this.waiting--;
    this.busy++;
    this.share.started();
  }

  wake(): void {
    this.wakes++;
  }

  end(): void {
    this.busy--;
    this.share.freed();
  }

  /** Looks for slots, as a claim does that takes what it is offered. */
  claim(): number {
    const offered = this.share.offer(slots.count);
    if (offered === 0) this.share.waitForSlot(true);
    else this.share.reserve(500, 100);
    return offered;
  }

  answer(tasks: number, expectsMore = true): void {
    this.share.release(expectsMore);
    for (let left = tasks; left > 0; left--) {
      if (slots.hasFree) {
        this.busy++;
        this.share.started();
      } else {
        this.waiting++;
      }
    }
    this.share.fill();
  }
}

let slots: FairSlots;
let a: Holder;
let b: Holder;

function create(workerCount: number): void {
  const options = resolveKindOptions(1, { workerCount, attemptTimeout: '1m', backoff: () => 0 });
  assertRunnable(options);
  slots = new FairSlots(options, new QueueEvents());
  a = new Holder(slots);
  b = new Holder(slots);
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => {
  [a, b].forEach(({ share }) => share.leave());
  vi.useRealTimers();
});

it('gives all slots to one shard while the other has no tasks', () => {
  create(10);
  expect(a.claim()).toBe(10);
  a.answer(10);
  expect(a.claim()).toBe(0);
});

it('gives slots that become free to the one that has fewer, until both have as many', () => {
  create(10);
  a.claim();
  a.answer(10);
  a.claim();
  expect(b.claim()).toBe(0);
  for (let end = 1; end <= 5; end++) {
    a.end();
    expect([b.wakes, a.claim(), b.claim()]).toEqual([end, 0, 1]);
    b.answer(1);
    b.claim();
  }
  a.end();
  expect([b.claim(), a.claim()]).toEqual([0, 1]);
});

it('keeps the slots of a claim on its way, for as long as it may not hang', () => {
  create(4);
  expect(a.claim()).toBe(4);
  expect(b.claim()).toBe(0);
  vi.advanceTimersByTime(99);
  expect([b.wakes, b.claim()]).toEqual([0, 0]);
  vi.advanceTimersByTime(1);
  expect([b.wakes, b.claim()]).toEqual([1, 4]);
});

it('looks again for those who found none, when a claim brings less than it might have', () => {
  create(4);
  a.claim();
  b.claim();
  a.answer(1, false);
  expect([b.wakes, b.claim()]).toEqual([1, 3]);
});

it('lets a shard in whose slots are taken by the line of the other', () => {
  create(1);
  a.claim();
  a.answer(200);
  expect([a.busy, a.waiting]).toEqual([1, 199]);
  expect(b.claim()).toBe(1);
  b.answer(1);
  a.end();
  expect([a.busy, b.busy]).toEqual([0, 1]);
  // The next is again one of the first: who was served the longest ago.
  b.claim();
  b.answer(1);
  b.end();
  expect([a.busy, b.busy]).toEqual([1, 0]);
});

it('expects nothing of a shard that rests', () => {
  create(4);
  a.claim();
  a.answer(4);
  b.claim();
  b.share.stopClaiming();
  a.end();
  expect([b.wakes, a.claim()]).toEqual([0, 1]);
});

it('withholds slots for bodies that never end, whatever their shard', () => {
  create(1);
  a.abandonedHandlers = 6;
  b.abandonedHandlers = 5;
  expect([slots.count, a.claim()]).toEqual([0, 0]);
});

it('wakes those who found no slot although another shard has left meanwhile', () => {
  create(4);
  const c = new Holder(slots);
  expect([a.claim(), b.claim(), c.claim()]).toEqual([4, 0, 0]);
  c.share.leave();
  vi.advanceTimersByTime(100);
  expect([b.wakes, b.claim()]).toEqual([1, 4]);
  expect(a.claim()).toBe(0);
  vi.advanceTimersByTime(100);
  expect([a.wakes, a.claim()]).toEqual([1, 4]);
});
