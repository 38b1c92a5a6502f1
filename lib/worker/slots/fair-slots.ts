import type { RunnableKindOptions } from '../../task/kind-options.js';
import type { QueueEvents } from '../../events/queue-events.js';
import { fairShare } from './fair-share.js';
import { LiveSettings } from './live-settings.js';
import type { Slots, SlotShare } from './slot-share.js';

/** So many bodies that outlived their attempt are borne for each slot; each one more withholds a slot, so that they stay bounded. */
const BORNE_PER_SLOT = 10;

/** The slots of one kind in this process. The tasks of all its databases run in them: each has as many as another, while both have use for more. */
export class SlotAllocator implements Slots {
  private readonly live: LiveSettings;
  private shares: readonly SlotShare[] = [];
  private turns = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    readonly options: RunnableKindOptions,
    events: QueueEvents,
  ) {
    this.live = new LiveSettings(options, events);
  }

  join(share: SlotShare): void {
    this.shares = [...this.shares, share];
  }

  leave(share: SlotShare): void {
    this.shares = this.shares.filter((other) => other !== share);
  }

  /** As the live option says now; the last good value while it fails. */
  get capacity(): number {
    return this.live.capacity;
  }

  /** The fall-back poll as the live option says now; the last good value while it fails. */
  get fetcherPeriodMs(): number {
    return this.live.fetcherPeriodMs;
  }

  /** How many attempts hold one. */
  get busy(): number {
    // Asked twice for each task.
    let busy = 0;
    for (const { holder } of this.shares) {
      busy += holder.busy;
    }
    return busy;
  }

  /** How many there are now, without those that are withheld. */
  get count(): number {
    return this.usable(this.capacity);
  }

  /** There are some, and all are in use. */
  get areFull(): boolean {
    const { capacity } = this;
    return capacity > 0 && this.busy >= this.usable(capacity);
  }

  /** Whether one of those that there were when they were last counted is free. */
  get hasFree(): boolean {
    return this.busy < this.usable(this.live.lastCapacity);
  }

  freeFor(share: SlotShare, count: number): number {
    const others = this.shares.filter((other) => other !== share);
    const reserved = others.reduce((sum, other) => sum + other.reservedNow, 0);
    // Where tasks wait for slots, those in them are short: these slots are as good as free, to be dealt out anew.
    const turning = share.holder.hasWaiting ? [] : others.filter(({ holder }) => holder.hasWaiting);
    const turned = turning.reduce((sum, { holder }) => sum + holder.busy, 0);
    const free = count - this.busy - reserved + turned;
    if (free <= 0) {
      return 0;
    }
    const rivals = others.filter((other) => other.isHungry || turning.includes(other));
    return fairShare(
      share,
      rivals.map((other) => (turning.includes(other) ? { used: 0, servedAt: other.servedAt } : other)),
      free,
    );
  }

  nextTurn(): number {
    return ++this.turns;
  }

  fill(): void {
    for (let next = this.firstWaiting(); next && this.hasFree; next = this.firstWaiting()) {
      next.holder.startNext();
    }
  }

  pokeStarved(except?: SlotShare): void {
    for (const share of this.shares) {
      if (share !== except && share.isStarved) {
        share.holder.poke();
      }
    }
  }

  watchReserved(ms: number): void {
    if (this.shares.length > 1 && this.hasFree) {
      this.timer ??= setTimeout(() => {
        this.timer = undefined;
        this.pokeStarved();
      }, ms);
    }
  }

  close(): void {
    clearTimeout(this.timer);
  }

  reportInvalid(error: unknown): void {
    this.live.reportInvalid(error);
  }

  private firstWaiting(): SlotShare | undefined {
    let first: SlotShare | undefined;
    for (const share of this.shares) {
      if (share.holder.hasWaiting && (!first || precedes(share, first))) {
        first = share;
      }
    }
    return first;
  }

  /** Bodies that never end must neither stop their kind soon nor fill the memory. */
  private usable(capacity: number): number {
    let abandoned = 0;
    for (const { holder } of this.shares) {
      abandoned += holder.abandonedBodies;
    }
    return Math.max(0, capacity - Math.max(0, abandoned - capacity * BORNE_PER_SLOT));
  }
}

function precedes(a: SlotShare, b: SlotShare): boolean {
  return a.used < b.used || (a.used === b.used && a.servedAt < b.servedAt);
}
