/** The tasks of one kind in one database, as the users of its slots. */
export interface SlotHolder {
  /** How many of its attempts hold a slot. */
  readonly busy: number;
  /** How many of its handlers have outlived their attempt. */
  readonly abandonedHandlers: number;
  /** Whether prefetched tasks wait for a slot. */
  readonly hasWaiting: boolean;
  /** Gives a slot to the first task that waits. */
  startNext(): void;
  /** A slot may be free. */
  wake(): void;
}

/** The part of the slots of a kind that the claims of one database may use. With one database that is all of them. */
export interface SlotShare {
  readonly holder: SlotHolder;
  /** Returns how many of the free slots the next claim may fill, out of `count` slots in all. */
  offer(count: number): number;
  /** The share was offered no slot. @param hasUse whether it had a use for one */
  waitForSlot(hasUse: boolean): void;
  /** Its claim is on its way and brings `most` tasks at most; one that takes longer than `holdMs` may hang. */
  reserve(most: number, holdMs: number): void;
  /** The claim of its database is on its way for other kinds: until that is back, the share can take no slot. */
  standBy(holdMs: number): void;
  /** Its claim is back. @param expectsMore whether the claim took as many tasks as it could */
  release(expectsMore: boolean): void;
  /** Nothing is claimed for now, whatever is free. */
  stopClaiming(): void;
  /** One of its attempts has taken a slot. */
  started(): void;
  /** Gives free slots to tasks that wait for one. */
  fill(): void;
  /** Some of its slots may have become free. */
  freed(): void;
  /** Gives the share back: its holder runs nothing any more. */
  leave(): void;
}
