import type { SlotUser } from './fair-share.js';

/** A claim that took all that it asked for wants more, for as long as the next may take. */
const HUNGRY_MS = 100;
/** How soon slots that were kept for another user are looked for again. */
const LOOK_AGAIN_MS = 100;

/** One of the users of the slots: the tasks of one database. */
export interface SlotHolder {
  /** How many attempts hold a slot. */
  readonly busy: number;
  /** How many bodies have outlived their attempt. */
  readonly abandonedBodies: number;
  /** Whether tasks that were claimed ahead wait for a slot. */
  readonly hasWaiting: boolean;
  /** Gives a slot to the first of them. */
  startNext(): void;
  /** A slot may be free. */
  poke(): void;
}

/** The slots of a kind, as a share of them sees them. */
export interface Slots {
  join(share: SlotShare): void;
  leave(share: SlotShare): void;
  /** This share of the free ones, out of so many in all. */
  freeFor(share: SlotShare, count: number): number;
  /** Rises with every use, so that shares can tell who was served last. */
  nextTurn(): number;
  /** Gives free slots to tasks that wait for one, those first whose database has the fewest. */
  fill(): void;
  /** Free slots are looked for again by those who found none. */
  pokeStarved(except?: SlotShare): void;
  /** Somebody found none, maybe since they are kept for a claim that hangs: they are looked for again when that no longer counts. */
  watchReserved(ms: number): void;
}

/** The part of the slots of a kind that the claims of one database may use. */
export class SlotShare implements SlotUser {
  servedAt = 0;
  private starving = false;
  private starvingUntil = 0;
  private hungryUntil = 0;
  private offered = 0;
  private reserved = 0;
  private reservedUntil = 0;

  constructor(
    private readonly slots: Slots,
    readonly holder: SlotHolder,
  ) {
    slots.join(this);
  }

  /** How many it has, with those that its claim is to fill. */
  get used(): number {
    return this.holder.busy + this.reservedNow;
  }

  /** How many free ones are kept for its claim. */
  get reservedNow(): number {
    return this.reserved > 0 && performance.now() < this.reservedUntil ? this.reserved : 0;
  }

  /** It looked for a free slot, and found none. */
  get isStarved(): boolean {
    return this.starving;
  }

  /** It wants more slots than it has, as far as is known. */
  get isHungry(): boolean {
    const now = performance.now();
    return (this.starving && now < this.starvingUntil) || now < this.hungryUntil;
  }

  /** How many of the free ones, out of so many slots, its next claim may fill. */
  offer(count: number): number {
    this.offered = this.slots.freeFor(this, count);
    return this.offered;
  }

  /** It was offered none: whether it had use for some. */
  starve(hadUse: boolean): void {
    this.starving = hadUse;
    this.starvingUntil = Number.POSITIVE_INFINITY;
    if (hadUse) {
      this.slots.watchReserved(LOOK_AGAIN_MS);
    }
  }

  /** Its claim is on its way, which brings so many tasks at most; if it takes longer than `holdMs`, it may hang. */
  reserve(most: number, holdMs: number): void {
    this.starving = false;
    this.reserved = Math.min(this.offered, most);
    this.reservedUntil = performance.now() + holdMs;
  }

  /** The claim of this database is on its way for other kinds: until it is back, no slot of this one can be taken. */
  standBy(holdMs: number): void {
    this.starvingUntil = performance.now() + holdMs;
  }

  /** Its claim is back. @param expectsMore whether it took all that it asked for */
  release(expectsMore: boolean): void {
    this.reserved = 0;
    this.hungryUntil = expectsMore ? performance.now() + HUNGRY_MS : 0;
    this.slots.pokeStarved(this);
  }

  /** Nothing is claimed for now, whatever is free. */
  rest(): void {
    this.starving = false;
    this.reserved = 0;
    this.hungryUntil = 0;
  }

  /** An attempt of its own has begun. */
  started(): void {
    this.servedAt = this.slots.nextTurn();
  }

  /** Slots of its own may have become free. */
  freed(): void {
    this.slots.fill();
    this.slots.pokeStarved(this);
  }
}
