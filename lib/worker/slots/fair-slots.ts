import type { RunnableKindOptions } from '../../task/kind-options.js';
import type { QueueEvents } from '../../events/queue-events.js';
import { fairShare } from './fair-share.js';
import { FairSlotShare } from './fair-slot-share.js';
import type { SlotHolder } from './slot-share.js';
import { Slots } from './slots.js';

/** The slots of a kind whose tasks are in several databases: each database has as many slots as another, while both have a use for more. */
export class FairSlots extends Slots<FairSlotShare> {
  private turns = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    options: RunnableKindOptions,
    events: QueueEvents,
    readonly now: () => number = () => performance.now(),
  ) {
    super(options, events);
  }

  override leave(share: FairSlotShare): void {
    super.leave(share);
    if (this.shares.length === 0) {
      clearTimeout(this.timer);
      this.timer = undefined;
    }
  }

  /** Returns how many of the free slots are this share's, out of `count` slots in all. */
  freeFor(share: FairSlotShare, count: number): number {
    const others = this.shares.filter((other) => other !== share);
    const reserved = others.reduce((sum, other) => sum + other.reservedNow, 0);
    // Where tasks wait for slots, those in them are short: these slots are as good as free, to be dealt out again.
    const turning = share.holder.hasWaiting ? [] : others.filter(({ holder }) => holder.hasWaiting);
    const turned = turning.reduce((sum, { holder }) => sum + holder.busy, 0);
    const free = count - this.busy - reserved + turned;
    if (free <= 0) {
      return 0;
    }
    const rivals = others.filter((other) => other.hasDemand || turning.includes(other));
    return fairShare(
      share,
      rivals.map((other) => (turning.includes(other) ? { used: 0, servedAt: other.servedAt } : other)),
      free,
    );
  }

  /** Returns a number that rises with every use, by which shares know who was served last. */
  nextTurn(): number {
    return ++this.turns;
  }

  /** Gives free slots to tasks that wait for one, those first whose database has the fewest. */
  fill(): void {
    for (let next = this.firstWaiting(); next && this.hasFree; next = this.firstWaiting()) {
      next.holder.startNext();
    }
  }

  /** Wakes the holders that had a use for a free slot, and found none. */
  wakeWaiting(except?: FairSlotShare): void {
    for (const share of this.shares) {
      if (share !== except && share.isWaitingForSlot) {
        share.holder.wake();
      }
    }
  }

  /** A share found no slot, maybe since some are kept for a claim that hangs: it is woken when these are kept no longer. */
  watchReserved(ms: number): void {
    if (this.shares.length > 1 && this.hasFree) {
      this.timer ??= setTimeout(() => {
        this.timer = undefined;
        this.wakeWaiting();
      }, ms);
    }
  }

  protected shareFor(holder: SlotHolder): FairSlotShare {
    return new FairSlotShare(this, holder);
  }

  private firstWaiting(): FairSlotShare | undefined {
    let first: FairSlotShare | undefined;
    for (const share of this.shares) {
      if (share.holder.hasWaiting && (!first || precedes(share, first))) {
        first = share;
      }
    }
    return first;
  }
}

function precedes(a: FairSlotShare, b: FairSlotShare): boolean {
  return a.used < b.used || (a.used === b.used && a.servedAt < b.servedAt);
}
