import { expect, it } from 'vitest';
import { QueueEvents } from '../../lib/events/queue-events.js';
import { assertRunnable, resolveKindOptions } from '../../lib/task/kind-options.js';
import type { SlotHolder } from '../../lib/worker/slots/slot-share.js';
import { SoleSlots } from '../../lib/worker/slots/sole-slots.js';

class Holder implements SlotHolder {
  busy = 0;
  abandonedHandlers = 0;
  waiting = 0;

  get hasWaiting(): boolean {
    return this.waiting > 0;
  }

  startNext(): void {
    this.waiting--;
    this.busy++;
  }

  wake(): void {}
}

function create(workerCount: number) {
  const options = resolveKindOptions(1, { workerCount, attemptTimeout: '1m', backoff: () => 0 });
  assertRunnable(options);
  const slots = new SoleSlots(options, new QueueEvents());
  const holder = new Holder();
  return { slots, holder, share: slots.join(holder) };
}

it('offers whatever slot is free', () => {
  const { slots, holder, share } = create(10);
  expect(share.offer(slots.count)).toBe(10);
  holder.busy = 7;
  expect(share.offer(slots.count)).toBe(3);
  holder.busy = 12;
  expect(share.offer(slots.count)).toBe(0);
});

it('gives free slots to tasks that wait, and no more than there are', () => {
  const { slots, holder, share } = create(3);
  expect(slots.count).toBe(3);
  holder.busy = 2;
  holder.waiting = 4;
  share.fill();
  expect([holder.busy, holder.waiting]).toEqual([3, 3]);
  holder.busy = 1;
  share.freed();
  expect([holder.busy, holder.waiting]).toEqual([3, 1]);
});

it('counts nothing of a holder that has left', () => {
  const { slots, holder, share } = create(3);
  holder.busy = 3;
  expect(slots.busy).toBe(3);
  share.leave();
  expect(slots.busy).toBe(0);
});
