import type { ClaimAnswer, ClaimRequest, LevelPosition, Position } from '../../task/claim.js';
import { parseSnapshot } from './pg-snapshot.js';

/** Before everything: a cursor there sees all rows. */
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
 * (`pg_snapshot_xmax` in place of x loses tasks on a quiet server: it is not above a running transaction that nobody overtook.)
 * One pending point is enough. A long transaction becomes a *straggler*: it is left out of that comparison, and at its end every
 * cursor goes back, once, to the horizon of the moment when it became one.
 */
export class ClaimCursor {
  /** Everything that was due before has been visible to this process's claims; µs since the epoch. */
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

  /** Behind these places nothing is left but what somebody holds. */
  places(): LevelPosition[] {
    return Array.from(this.positions, ([key, position]) => ({
      kind: kindOfLevel(key),
      priority: priorityOfLevel(key),
      position,
    }));
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
      // What lies behind the cursors now is no news.
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

  /** A claim that certainly rolled back: its rows are where they were, and only this process knows. */
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

  /** Forgets everything: another server, a claim of unknown outcome, a clock that went back. */
  reset(): void {
    this.horizon = START.runAt;
    this.pending = null;
    this.stragglers.clear();
    this.sweeping.clear();
    this.lastNow = START.runAt;
    this.lastXmax = 0;
    this.rewindTo(START);
  }

  /** Starts a kind's cursors anew; what its next claims find behind the old ones is counted by `takeSwept`. */
  sweep(kind: number): void {
    this.epoch++;
    for (const [key, position] of this.positions) {
      if (kindOfLevel(key) === kind) {
        this.sweeping.set(key, position);
        this.positions.set(key, START);
      }
    }
  }

  /** How many tasks sweeps have found since the last call: it should be none. */
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

/**
 * The levels that a claim looked at, in its order, and whether it saw all that was due in each. A claim walks kinds and levels
 * in the order asked and stops at a limit; what comes after the last row of a kind that reached its limit was not looked at.
 */
function* scannedLevels(
  request: ClaimRequest,
  { tasks }: ClaimAnswer,
): Generator<[kind: number, priority: number, exhausted: boolean]> {
  const counts = new Map<number, { count: number; lastPriority: number }>();
  for (const { kind, priority } of tasks) {
    const counted = counts.get(kind);
    if (counted) {
      counted.count++;
      counted.lastPriority = Math.max(priority, counted.lastPriority);
    } else {
      counts.set(kind, { count: 1, lastPriority: priority });
    }
  }
  let left = request.limit - tasks.length > 0 ? Number.POSITIVE_INFINITY : tasks.length;
  for (const { kind, free, levels } of request.kinds) {
    const { count, lastPriority } = counts.get(kind) ?? { count: 0, lastPriority: -1 };
    left -= count;
    const cut = count >= free || left <= 0;
    for (const { priority } of levels) {
      if (!cut || priority <= lastPriority) {
        yield [kind, priority, !cut || priority < lastPriority];
      }
    }
    if (left <= 0) {
      return;
    }
  }
}

/**
 * The furthest row of each level that is no later than `limit`. Later ones don't count: a waiting row that was re-armed
 * while the claim ran comes back with a new, later place than the one where the scan found it.
 */
function lastPositions({ tasks }: ClaimAnswer, limit: number): Map<number, Position> {
  const reached = new Map<number, Position>();
  for (const task of tasks) {
    if (task.runAt <= limit) {
      reached.set(levelKey(task.kind, task.priority), task);
    }
  }
  return reached;
}

export function isBefore(a: Position, b: Position): boolean {
  return a.runAt < b.runAt || (a.runAt === b.runAt && a.id < b.id);
}

/** Kinds are smallints and levels below 16, so that the pair fits one number. */
function levelKey(kind: number, priority: number): number {
  return kind * 16 + priority;
}

function kindOfLevel(key: number): number {
  return Math.floor(key / 16);
}

function priorityOfLevel(key: number): number {
  return key - kindOfLevel(key) * 16;
}
