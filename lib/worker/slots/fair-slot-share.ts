import type { SlotUser } from './fair-share.js';
import type { SlotHolder, SlotShare } from './slot-share.js';

/** A claim that took as many tasks as it could shows a demand for more, for as long as the next may take. */
const DEMAND_MS = 100;
/** How soon a share that found no slot tries again to get one that was kept for another. */
const RETRY_MS = 100;

/** The slots of a kind, as one of their shares uses them. */
export interface SharedSlots {
  now(): number;
  leave(share: FairSlotShare): void;
  freeFor(share: FairSlotShare, count: number): number;
  nextTurn(): number;
  fill(): void;
  wakeWaiting(except?: FairSlotShare): void;
  watchReserved(ms: number): void;
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
    private readonly slots: SharedSlots,
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
