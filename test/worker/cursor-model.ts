import { ClaimCursor, type ClaimTicket } from '../../lib/worker/claim/claim-cursor.js';
import type { ClaimAnswer, ClaimedTask, ClaimRequest } from '../../lib/task/claim.js';

/** A transaction of the model: PostgreSQL's visibility rules, without PostgreSQL. */
interface Transaction {
  xid: number | null;
  state: 'active' | 'committed' | 'aborted';
  onEnd: ((committed: boolean) => void)[];
}

interface Row {
  id: number;
  priority: number;
  /** Every version, oldest first: who wrote it, and what it says. */
  versions: { by: Transaction; runAt: number; leased: boolean }[];
  lockedBy: Transaction | null;
}

interface ClaimOnItsWay {
  ticket: ClaimTicket;
  now: number;
  seen: Set<Transaction>;
  snapshot: string;
  tx: Transaction;
  answer?: ClaimAnswer;
  rows: Row[];
}

interface ModelProcess {
  cursor: ClaimCursor;
  claim: ClaimOnItsWay | null;
}

export const PRIORITIES = [0, 5];
const KIND = 1;
const FAR = 1_000_000_000_000_000;

/** A database and some worker processes, advanced step by step in any order that a test likes. */
export class CursorModel {
  clock = FAR;
  readonly rows: Row[] = [];
  readonly processes: ModelProcess[];
  readonly open: { tx: Transaction; rearmed: boolean }[] = [];
  /** Whether a transaction that re-armed a row may roll back: claims pass the locked row, and only a sweep finds it again. */
  rollsBackRearmed = false;
  claims = 0;
  private nextXid = 100;
  private rewinds = 0;
  private readonly committed = new Set<Transaction>();

  constructor(processes: number) {
    this.processes = Array.from({ length: processes }, () => ({ cursor: new ClaimCursor(), claim: null }));
  }

  begin(): void {
    this.open.push({ tx: this.transaction(), rearmed: false });
  }

  /** A push or a retry as the library writes it: the transaction id first, then the clock. */
  push(which: number, priority: number, delay: number): void {
    const entry = this.pick(which);
    if (entry) {
      this.assignXid(entry.tx);
      this.clock++;
      const version = { by: entry.tx, runAt: this.clock + delay, leased: false };
      this.rows.push({ id: this.rows.length + 1, priority, versions: [version], lockedBy: null });
    }
  }

  /** A waiting row is re-armed: it gets a new place. */
  rearm(which: number, row: number, delay: number): void {
    const entry = this.pick(which);
    const target = this.rows[row % Math.max(1, this.rows.length)];
    if (!entry || !target || target.lockedBy || !this.isWaiting(target)) {
      return;
    }
    entry.rearmed = true;
    this.assignXid(entry.tx);
    this.clock++;
    target.lockedBy = entry.tx;
    target.versions.push({ by: entry.tx, runAt: this.clock + delay, leased: false });
    entry.tx.onEnd.push((committed) => {
      target.lockedBy = null;
      if (!committed) {
        target.versions.pop();
      }
    });
  }

  end(which: number, commit: boolean): void {
    const entry = this.pick(which);
    if (entry) {
      this.open.splice(this.open.indexOf(entry), 1);
      this.finish(entry.tx, commit || (entry.rearmed && !this.rollsBackRearmed));
    }
  }

  /** The claim's transaction starts and takes its snapshot. */
  startClaim(which: number, free: number, limit: number, forceXid: boolean): void {
    const process = this.processes[which % this.processes.length]!;
    if (process.claim) {
      return;
    }
    const { cursor } = process;
    const levels = PRIORITIES.map((priority) => ({ priority, cursor: cursor.positionOf(KIND, priority) }));
    const request: ClaimRequest = {
      claimId: 1,
      leaseId: 1,
      kinds: [{ kind: KIND, free, levels }],
      limit,
      forceXid: forceXid && cursor.wantsXid,
      findNextDue: false,
    };
    process.claim = {
      ticket: cursor.begin(request),
      now: this.clock++,
      seen: new Set(this.committed),
      snapshot: this.snapshot(),
      tx: this.transaction(),
      rows: [],
    };
  }

  /** The claim scans, skips what is locked, and leases what it finds as it is now (READ COMMITTED looks again). */
  scanClaim(which: number): void {
    const process = this.processes[which % this.processes.length]!;
    const { claim } = process;
    if (!claim || claim.answer) {
      return;
    }
    const { request } = claim.ticket;
    const tasks: ClaimedTask[] = [];
    const { free, levels } = request.kinds[0]!;
    for (const { priority, cursor } of levels) {
      const found = this.rows
        .filter((row) => row.priority === priority)
        .map((row) => ({ row, version: row.versions.findLast(({ by }) => claim.seen.has(by)) }))
        .filter(
          ({ row, version }) =>
            version &&
            !version.leased &&
            version.runAt <= claim.now &&
            isAfter(version.runAt, row.id, cursor),
        )
        .toSorted((a, b) => a.version!.runAt - b.version!.runAt || a.row.id - b.row.id);
      for (const { row } of found) {
        if (tasks.length >= Math.min(free, request.limit)) {
          break;
        }
        const latest = row.versions.at(-1)!;
        if (row.lockedBy === null && !latest.leased && latest.runAt <= claim.now) {
          this.assignXid(claim.tx);
          row.lockedBy = claim.tx;
          claim.rows.push(row);
          row.versions.push({ by: claim.tx, runAt: latest.runAt, leased: true });
          tasks.push({
            id: row.id,
            kind: KIND,
            priority,
            runAt: latest.runAt,
            attemptsLeft: 1,
            attempt: 1,
            externalKey: null,
            trace: null,
            payload: null,
          });
        }
      }
    }
    if (request.forceXid) {
      this.assignXid(claim.tx);
    }
    tasks.sort((a, b) => a.priority - b.priority || a.runAt - b.runAt || a.id - b.id);
    claim.answer = {
      tasks,
      leaseHeld: true,
      isComplete: true,
      now: claim.now,
      snapshot: claim.snapshot,
      xid: claim.tx.xid,
      rewind: String(this.rewinds),
      nextDueMs: null,
    };
    claim.tx.onEnd.push((committed) => {
      for (const row of claim.rows) {
        row.lockedBy = null;
        if (!committed) {
          row.versions.pop();
        }
      }
    });
  }

  /** The claim commits and its answer arrives; or it rolls back, and the process knows; or the process dies before. */
  endClaim(which: number, end: 'commit' | 'rollback' | 'unknown' | 'die'): void {
    const process = this.processes[which % this.processes.length]!;
    const { claim, cursor } = process;
    if (!claim?.answer) {
      return;
    }
    process.claim = null;
    this.finish(claim.tx, end === 'commit');
    if (end === 'commit') {
      this.claims += claim.rows.length;
      cursor.advance(claim.ticket, claim.answer);
    } else if (end === 'rollback') {
      cursor.undo(claim.ticket);
    } else if (end === 'unknown') {
      cursor.reset();
    } else {
      process.cursor = new ClaimCursor();
      // Rescue, some seconds later.
      this.rewinds++;
    }
  }

  /** The rows that are due, that no transaction holds, and that nobody has claimed. */
  waiting(): Row[] {
    return this.rows.filter((row) => {
      const { by, leased, runAt } = row.versions.at(-1)!;
      return by.state === 'committed' && !leased && runAt <= this.clock;
    });
  }

  sweep(): void {
    this.processes.forEach(({ cursor }) => cursor.sweep(KIND));
  }

  private isWaiting(row: Row): boolean {
    const { by, leased } = row.versions.at(-1)!;
    return by.state === 'committed' && !leased;
  }

  private pick(which: number) {
    return this.open[which % Math.max(1, this.open.length)];
  }

  private transaction(): Transaction {
    return { xid: null, state: 'active', onEnd: [] };
  }

  private readonly withXid: Transaction[] = [];

  private assignXid(tx: Transaction): void {
    if (tx.xid === null) {
      tx.xid = this.nextXid++;
      this.withXid.push(tx);
      this.clock++;
    }
  }

  private finish(tx: Transaction, commit: boolean): void {
    tx.state = commit ? 'committed' : 'aborted';
    if (commit) {
      this.committed.add(tx);
    }
    if (tx.xid !== null) {
      this.withXid.splice(this.withXid.indexOf(tx), 1);
      this.latestCompleted = Math.max(this.latestCompleted, tx.xid);
    }
    tx.onEnd.forEach((end) => end(commit));
  }

  private latestCompleted = 99;

  /** As `pg_current_snapshot()`: xmax is one above the latest that has ended, and only those in progress below it are listed. */
  private snapshot(): string {
    const xmax = this.latestCompleted + 1;
    const running = this.withXid.map(({ xid }) => xid!).filter((xid) => xid < xmax);
    return `${Math.min(xmax, ...running)}:${xmax}:${running.toSorted((a, b) => a - b).join(',')}`;
  }
}

function isAfter(runAt: number, id: number, cursor: { runAt: number; id: number }): boolean {
  return runAt > cursor.runAt || (runAt === cursor.runAt && id > cursor.id);
}
