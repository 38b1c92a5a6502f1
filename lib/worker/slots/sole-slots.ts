import { Slots } from './slots.js';
import type { SlotHolder, SlotShare } from './slot-share.js';

/** The slots of a kind whose tasks are all in one database. */
export class SoleSlots extends Slots {
  protected shareFor(holder: SlotHolder): SlotShare {
    return new SoleShare(this, holder);
  }
}

/** A share of all slots: its claims may fill whatever is free, and there is nobody to keep slots for. */
class SoleShare implements SlotShare {
  constructor(
    private readonly slots: SoleSlots,
    readonly holder: SlotHolder,
  ) {}

  offer(count: number): number {
    return Math.max(0, count - this.slots.busy);
  }

  fill(): void {
    while (this.holder.hasWaiting && this.slots.hasFree) {
      this.holder.startNext();
    }
  }

  freed(): void {
    this.fill();
  }

  leave(): void {
    this.slots.leave(this);
  }

  waitForSlot(): void {}
  reserve(): void {}
  standBy(): void {}
  release(): void {}
  stopClaiming(): void {}
  started(): void {}
}
