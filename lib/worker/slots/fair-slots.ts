import type { RunnableKindOptions } from '../../task/kind-options.js';
import type { QueueEvents } from '../../events/queue-events.js';
import { fairShare, type SlotUser } from './fair-share.js';
import type { SlotHolder, SlotShare } from './slot-share.js';
import { Slots } from './slots.js';

/** A claim that took as many tasks as it could shows a demand for more, for as long as the next may take. */
const DEMAND_MS = 100;
/** How soon a share that found no slot tries again to get one that was kept for another. */
const RETRY_MS = 100;

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

/** The fair part of one of several databases in the slots of a kind. */
export class FairSlotShare implements SlotShare, SlotUser {
  servedAt = 0;
  private waiting = false;
  private waitingUntil = 0;
  private demandUntil = 0;
  private offered = 0;
  private reserved = 0;
  private reservedUntil = 0;

  constructor(
    private readonly slots: FairSlots,
    readonly holder: SlotHolder,
  ) {}

  /** How many slots the share has, with those that its claim is to fill. */
  get used(): number {
    return this.holder.busy + this.reservedNow;
  }

  /** How many free slots are kept for its claim. */
  get reservedNow(): number {
    return this.reserved > 0 && this.slots.now() < this.reservedUntil ? this.reserved : 0;
  }

  /** Whether the share had a use for a free slot, and found none. */
  get isWaitingForSlot(): boolean {
    return this.waiting;
  }

  /** Whether the share has a use for more slots than it has, as far as is known. */
  get hasDemand(): boolean {
    const now = this.slots.now();
    return (this.waiting && now < this.waitingUntil) || now < this.demandUntil;
  }

  offer(count: number): number {
    this.offered = this.slots.freeFor(this, count);
    return this.offered;
  }

  waitForSlot(hasUse: boolean): void {
    this.waiting = hasUse;
    this.waitingUntil = Number.POSITIVE_INFINITY;
    if (hasUse) {
      this.slots.watchReserved(RETRY_MS);
    }
  }

  reserve(most: number, holdMs: number): void {
    this.waiting = false;
    this.reserved = Math.min(this.offered, most);
    this.reservedUntil = this.slots.now() + holdMs;
  }

  standBy(holdMs: number): void {
    this.waitingUntil = this.slots.now() + holdMs;
  }

  release(expectsMore: boolean): void {
    this.reserved = 0;
    this.demandUntil = expectsMore ? this.slots.now() + DEMAND_MS : 0;
    this.slots.wakeWaiting(this);
  }

  stopClaiming(): void {
    this.waiting = false;
    this.reserved = 0;
    this.demandUntil = 0;
  }

  started(): void {
    this.servedAt = this.slots.nextTurn();
  }

  fill(): void {
    this.slots.fill();
  }

  freed(): void {
    this.slots.fill();
    this.slots.wakeWaiting(this);
  }

  leave(): void {
    this.slots.leave(this);
  }
}

function precedes(a: FairSlotShare, b: FairSlotShare): boolean {
  return a.used < b.used || (a.used === b.used && a.servedAt < b.servedAt);
}
