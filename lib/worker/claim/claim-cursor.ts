import type { ClaimAnswer, ClaimRequest, LevelPosition, Position } from '../../task/claim.js';
import { isBefore, lastPositions, levelKey, levelOf, scannedLevels } from './claim-levels.js';
import { parseSnapshot } from './pg-snapshot.js';

/** The position before all rows: a cursor there sees all of them. */
export const START: Position = { runAt: -1, id: 0 };

/** A transaction that is open for longer is not waited for: the cursor goes on and is rewound once, when it ends. */
const STRAGGLER_AFTER_US = 2_000_000;

/** A claim that was started: what the cursor must remember to make use of its answer. */
export interface ClaimTicket {
  readonly request: ClaimRequest;
  readonly epoch: number;
  readonly horizon: number;
}

/**
 * The exact cursor: for each (kind, priority) the place behind which no task can be left, so that a claim's index scan starts
 * there and not at the dead entries of all that was claimed before.
 *
 * A cursor may pass a time T only when every transaction that could still write a `run_at` before T has ended. Writers take
 * their transaction id before they read the clock. So a claim's own start T together with *the claim's own transaction id* x is
 * a point: whoever writes before T has an id below x, and T counts once x is at or below every id still in progress.
 * (`pg_snapshot_xmax` instead of x loses tasks on a quiet server: it is not above a running transaction that nobody overtook.)
 * One pending point is enough. A long transaction becomes a *straggler*: it is left out of that comparison, and at its end every
 * cursor goes back, once, to the horizon of the moment when it became one.
 */
export class ClaimCursor {
  /** Everything that was due before this time, in µs since the epoch, has been visible to this process's claims. */
  private horizon = START.runAt;
  private pending: { readonly at: number; readonly xid: number } | null = null;
  private readonly stragglers = new Map<number, number>();
  private readonly positions = new Map<number, Position>();
  /** Raised whenever cursors go back, so that claims on their way don't move them forward again. */
  private epoch = 0;
  private readonly sweeping = new Map<number, Position>();
  private swept = 0;
  private lastNow = START.runAt;
  private lastXmax = 0;
  private lastRewind: string | undefined;

  positionOf(kind: number, priority: number): Position {
    return this.positions.get(levelKey(kind, priority)) ?? START;
  }

  /** Returns the positions behind which nothing is left but what somebody holds. */
  places(): LevelPosition[] {
    return Array.from(this.positions, ([key, position]) => ({ ...levelOf(key), position }));
  }

  /** Whether the next claim should take a transaction id even if it claims nothing: only then can the horizon move. */
  get wantsXid(): boolean {
    return this.pending === null;
  }

  begin(request: ClaimRequest): ClaimTicket {
    return { request, epoch: this.epoch, horizon: this.horizon };
  }

  /** Takes in a claim's answer. */
  advance(ticket: ClaimTicket, answer: ClaimAnswer): void {
    const { now, xid, rewind } = answer;
    if (this.lastRewind !== undefined && rewind !== this.lastRewind) {
      // What lies behind the cursors now was put there by others, which is no fault.
      this.sweeping.clear();
      this.rewindTo(START);
    }
    this.lastRewind = rewind;
    const { xmax, running } = parseSnapshot(answer.snapshot);
    if (now < this.lastNow || xmax < this.lastXmax) {
      // The database's clock went back: new tasks would sort before the cursors. Or its transactions did: behind a pooler another
      // server has taken its place, and does not know of all that was claimed.
      this.reset();
    }
    this.lastNow = now;
    this.lastXmax = xmax;
    this.rewindForEnded(running, xmax);
    const limit = this.confirm(ticket.horizon, running, xmax);
    this.findStragglers(now, running);
    if (this.pending === null && xid !== null) {
      this.pending = { at: now, xid };
    }
    if (ticket.epoch === this.epoch) {
      this.countSwept(answer);
      this.move(ticket.request, answer, limit);
    }
  }

  /** A claim has certainly rolled back: its rows are where they were, and only this process knows. */
  undo({ request }: ClaimTicket): void {
    this.epoch++;
    for (const { kind, levels } of request.kinds) {
      for (const { priority, cursor } of levels) {
        if (isBefore(cursor, this.positionOf(kind, priority))) {
          this.positions.set(levelKey(kind, priority), cursor);
        }
      }
    }
  }

  /** Forgets everything: there is another server, a claim of unknown outcome, or a clock that went back. */
  reset(): void {
    this.horizon = START.runAt;
    this.pending = null;
    this.stragglers.clear();
    this.sweeping.clear();
    this.lastNow = START.runAt;
    this.lastXmax = 0;
    this.rewindTo(START);
  }

  /** Resets a kind's cursors; what its next claims find behind the old ones is counted by `takeSwept`. */
  sweep(kind: number): void {
    this.epoch++;
    for (const [key, position] of this.positions) {
      if (levelOf(key).kind === kind) {
        this.sweeping.set(key, position);
        this.positions.set(key, START);
      }
    }
  }

  /** Returns how many tasks sweeps have found since the last call: it should be none. */
  takeSwept(): number {
    const swept = this.swept;
    this.swept = 0;
    return swept;
  }

  /** A straggler that has ended may have left rows behind the cursors, none before its low mark. */
  private rewindForEnded(running: ReadonlySet<number>, xmax: number): void {
    for (const [straggler, low] of this.stragglers) {
      if (straggler < xmax && !running.has(straggler)) {
        this.stragglers.delete(straggler);
        this.rewindTo({ runAt: low, id: 0 });
      }
    }
  }

  /** Moves the horizon when the pending point counts. @returns how far this answer may move a cursor. */
  private confirm(sentHorizon: number, running: ReadonlySet<number>, xmax: number): number {
    if (this.pending === null || this.pending.xid > this.oldestRunning(running, xmax)) {
      return sentHorizon;
    }
    const { at } = this.pending;
    this.pending = null;
    this.horizon = Math.max(this.horizon, at);
    return Math.max(sentHorizon, at);
  }

  private oldestRunning(running: ReadonlySet<number>, xmax: number): number {
    let oldest = xmax;
    for (const xid of running) {
      if (xid < oldest && !this.stragglers.has(xid)) {
        oldest = xid;
      }
    }
    return oldest;
  }

  private findStragglers(now: number, running: ReadonlySet<number>): void {
    if (this.pending === null || now - this.pending.at <= STRAGGLER_AFTER_US) {
      return;
    }
    for (const xid of running) {
      if (xid < this.pending.xid && !this.stragglers.has(xid)) {
        this.stragglers.set(xid, this.horizon);
      }
    }
  }

  private move(request: ClaimRequest, answer: ClaimAnswer, limit: number): void {
    const reached = lastPositions(answer, limit);
    for (const [kind, priority, exhausted] of scannedLevels(request, answer)) {
      const key = levelKey(kind, priority);
      const target = exhausted ? { runAt: limit, id: 0 } : reached.get(key);
      if (exhausted) {
        this.sweeping.delete(key);
      }
      if (target && isBefore(this.positions.get(key) ?? START, target)) {
        this.positions.set(key, { runAt: target.runAt, id: target.id });
      }
    }
  }

  private countSwept({ tasks }: ClaimAnswer): void {
    if (this.sweeping.size === 0) {
      return;
    }
    for (const task of tasks) {
      const passed = this.sweeping.get(levelKey(task.kind, task.priority));
      if (passed && isBefore(task, passed)) {
        this.swept++;
      }
    }
  }

  private rewindTo(low: Position): void {
    this.epoch++;
    for (const [key, position] of this.positions) {
      if (isBefore(low, position)) {
        this.positions.set(key, low);
      }
    }
  }
}
