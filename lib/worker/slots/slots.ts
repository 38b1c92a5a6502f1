import type { RunnableKindOptions } from '../../task/kind-options.js';
import type { QueueEvents } from '../../events/queue-events.js';
import { LiveSettings } from './live-settings.js';
import type { SlotHolder, SlotShare } from './slot-share.js';

/** A kind may have this many abandoned handlers for each slot. Each further one occupies a slot, so that their number stays bounded. */
const ABANDONED_PER_SLOT = 10;

/** The slots of one kind in this process: how many there are, and how many are in use. */
export abstract class Slots<Share extends SlotShare = SlotShare> {
  protected shares: readonly Share[] = [];
  readonly live: LiveSettings;

  constructor(
    readonly options: RunnableKindOptions,
    events: QueueEvents,
  ) {
    this.live = new LiveSettings(options, events);
  }

  /** Gives the tasks of one database their share of the slots. */
  join(holder: SlotHolder): Share {
    const share = this.shareFor(holder);
    this.shares = [...this.shares, share];
    return share;
  }

  leave(share: Share): void {
    this.shares = this.shares.filter((other) => other !== share);
  }

  /** How many slots the live option allows now; the last good value while it fails. */
  get capacity(): number {
    return this.live.capacity;
  }

  /** How many attempts hold a slot. */
  get busy(): number {
    // This is read twice for each task.
    let busy = 0;
    for (const { holder } of this.shares) {
      busy += holder.busy;
    }
    return busy;
  }

  /** How many slots there are now, without those that abandoned handlers occupy. */
  get count(): number {
    return this.usable(this.capacity);
  }

  /** Whether there are slots, and all are in use. */
  get areFull(): boolean {
    const { capacity } = this;
    return capacity > 0 && this.busy >= this.usable(capacity);
  }

  /** Whether one of the slots that there were when they were last counted is free. */
  get hasFree(): boolean {
    return this.busy < this.usable(this.live.lastCapacity);
  }

  protected abstract shareFor(holder: SlotHolder): Share;

  /** Handlers that never end must neither stop their kind soon nor fill the memory. */
  private usable(capacity: number): number {
    let abandoned = 0;
    for (const { holder } of this.shares) {
      abandoned += holder.abandonedHandlers;
    }
    return Math.max(0, capacity - Math.max(0, abandoned - capacity * ABANDONED_PER_SLOT));
  }
}
