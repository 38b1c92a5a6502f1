import type { EventSink } from '../../events/queue-events.js';
import type { Admission } from '../slots/admission.js';
import type { ClaimSignal } from './claim-signal.js';

/** A kind as its pause sees it; its pool is one. */
export interface PausableKind {
  readonly name: string;
  /** Gives back what was prefetched and has no slot yet. */
  unclaimWaiting(): void;
}

/** The kinds that are paused for all processes, as the last heartbeat read them. */
export class PausedKinds implements Admission {
  private kinds: ReadonlySet<number> = new Set();

  constructor(
    private readonly pools: ReadonlyMap<number, PausableKind>,
    private readonly events: EventSink,
    private readonly claims: ClaimSignal,
  ) {}

  has(kind: number): boolean {
    return this.kinds.has(kind);
  }

  allows(kind: number): number {
    return this.kinds.has(kind) ? 0 : Number.POSITIVE_INFINITY;
  }

  update(kinds: readonly number[]): void {
    const before = this.kinds;
    this.kinds = new Set(kinds);
    for (const kind of new Set([...this.kinds, ...before])) {
      if (this.kinds.has(kind) !== before.has(kind)) {
        this.changed(kind, this.kinds.has(kind));
      }
    }
  }

  private changed(kind: number, isPaused: boolean): void {
    const pool = this.pools.get(kind);
    if (pool) {
      this.events.emit({ type: isPaused ? 'kind-paused' : 'kind-resumed', kind, name: pool.name });
      if (isPaused) {
        pool.unclaimWaiting();
      }
      this.claims.tasksArrived();
    }
  }
}
