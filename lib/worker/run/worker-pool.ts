import type { RegisteredHandler } from '../../handlers/registered-handler.js';
import { LeaseLostError } from '../../errors/pg-queue.errors.js';
import type { RunnableKindOptions } from '../../task/kind-options.js';
import type { ClaimableKind } from '../claim/claim-schedule.js';
import type { PausableKind, PausedKinds } from '../claim/paused-kinds.js';
import type { SettledKind } from '../settle/settler-entry.js';
import { type Admission, admitted } from '../slots/admission.js';
import type { SlotHolder, SlotShare } from '../slots/slot-share.js';
import type { Slots } from '../slots/slots.js';
import type { Attempt } from './attempt.js';
import { PrefetchQueue } from './prefetch-queue.js';
import { PrefetchSize } from './prefetch-size.js';
import { RunningAttempts, type RunningAttemptsDeps } from './running-attempts.js';

/** How soon a task is offered again while an older handler of it still runs here. */
const OVERLAP_DELAY_MS = 1000;

export interface WorkerPoolDeps extends RunningAttemptsDeps {
  paused: Pick<PausedKinds, 'has'>;
  /** What limits the claims of a kind, beside its slots. */
  admissions: readonly Admission[];
}

/** The attempts of one kind and one database that this process has: one in each slot that they hold, and those that wait for one. */
export class WorkerPool implements SlotHolder, ClaimableKind, PausableKind, SettledKind {
  readonly options: RunnableKindOptions;
  readonly kind: number;
  readonly name: string;
  /** Its part of the slots. */
  readonly share: SlotShare;
  private readonly running: RunningAttempts;
  private readonly prefetch: PrefetchQueue;
  private draining = false;

  constructor(
    handler: RegisteredHandler,
    private readonly slots: Slots,
    private readonly deps: WorkerPoolDeps,
  ) {
    const { options } = handler;
    this.options = options;
    this.kind = options.kind;
    this.name = options.name;
    this.share = slots.join(this);
    const size = new PrefetchSize();
    this.running = new RunningAttempts(this, handler, this.share, size, deps);
    this.prefetch = new PrefetchQueue(size, this.running);
  }

  get busy(): number {
    return this.running.size;
  }

  /** How many slots the live option allows now, for all databases together; the last good value while it fails. */
  get capacity(): number {
    return this.slots.capacity;
  }

  /** How many slots are in use, by all databases. */
  get busyInAll(): number {
    return this.slots.busy;
  }

  get fetcherPeriodMs(): number {
    return this.slots.live.fetcherPeriodMs;
  }

  get isAdmitted(): boolean {
    return this.admitted > 0;
  }

  /** How many tasks to claim: the share of the free slots, and a few more where tasks are short. */
  get free(): number {
    const allowed = this.admitted;
    const count = allowed > 0 ? this.slots.count : 0;
    if (count === 0) {
      return 0;
    }
    const offered = this.share.offer(count);
    return Math.min(allowed, offered + this.prefetch.room(Math.min(count, this.busy + offered)));
  }

  /** Whether there are slots, and all are in use. */
  get isFull(): boolean {
    return this.slots.areFull;
  }

  get abandonedHandlers(): number {
    return this.running.abandonedHandlers;
  }

  get hasWaiting(): boolean {
    return this.prefetch.size > 0;
  }

  wake(): void {
    this.running.slotFreed();
  }

  /** Starts a claimed task in a free slot, or lets it wait for one. */
  start(attempt: Attempt): void {
    const { id } = attempt;
    const older = this.running.get(id) ?? this.prefetch.get(id);
    if (older || this.deps.abandonedTasks.has(id)) {
      older?.lose(new LeaseLostError(`task ${this.deps.origin.idOf(id)} was taken again`));
      this.running.end(attempt, { type: 'snoozed', delayMs: OVERLAP_DELAY_MS });
    } else if (this.deps.paused.has(this.kind)) {
      // Its claim was on the way when the pause became known.
      this.giveBack(attempt);
    } else if (this.slots.hasFree && !this.hasWaiting) {
      this.takeSlot(attempt);
    } else if (this.draining) {
      this.giveBack(attempt);
    } else {
      this.prefetch.add(attempt);
      this.share.fill();
    }
  }

  startNext(): void {
    const attempt = this.prefetch.next()!;
    if (attempt.lost) {
      this.giveBack(attempt);
    } else {
      this.takeSlot(attempt);
    }
  }

  /** Starts nothing more that was prefetched. */
  drain(): void {
    this.draining = true;
    this.unclaimWaiting();
  }

  /** Gives back what was prefetched and has no slot yet. */
  unclaimWaiting(): void {
    this.prefetch.giveBackAll();
  }

  giveBack(attempt: Attempt): void {
    this.running.giveBack(attempt);
  }

  /** The attempts that hold a slot, or wait for one. */
  *attempts(): Iterable<Attempt> {
    yield* this.running.values();
    yield* this.prefetch.values();
  }

  /** The attempts that run, in the order of their start. */
  inSlots(): Iterable<Attempt> {
    return this.running.started();
  }

  /** Gives up on what still runs: the attempts are released. */
  releaseAll(isMeant: (attempt: Attempt) => boolean): void {
    this.running.releaseAll(isMeant);
  }

  close(): void {
    this.running.close();
    this.prefetch.close();
    this.share.leave();
  }

  reportInvalid(error: unknown): void {
    this.slots.live.reportInvalid(error);
  }

  private get admitted(): number {
    return admitted(this.deps.admissions, this.kind);
  }

  private takeSlot(attempt: Attempt): void {
    const now = performance.now();
    this.prefetch.started(now);
    this.share.started();
    this.running.take(attempt, now);
  }
}
