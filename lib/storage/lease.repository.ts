import { asciiJson } from './ascii.js';
import type { ControlPool, TextRow } from './control-pool.js';
import { type Heartbeat, heartbeatOf } from './heartbeat.js';
import { giveBack, type GivingBack, giveSome, type Query } from './give-back.js';
import { intArray } from './pg-array.js';
import type { QueueSql } from './sql/index.js';
import type { ClaimRequest, HeldTask, LevelPlace } from '../task/claim.js';
import type { WorkerReport } from '../inspect/worker-report.js';

/** What an operator sees of a worker process. */
export interface WorkerInfo {
  worker: string;
  host: string;
  pid: number;
  version: string;
}

/** The leases whose locks a session has. */
export interface Hold {
  session: string;
  held: ReadonlySet<number>;
}

/** The tasks that a rescue took from one worker process. */
export interface RescuedTasks {
  kind: number;
  worker: string;
  count: number;
  exhausted: number;
}

/** A worker process that is dead. */
export interface DeadWorker {
  leaseId: number;
  worker: string;
}

export interface Rescue {
  tasks: RescuedTasks[];
  /** Whose tasks could not all be taken: other transactions hold their rows. */
  remaining: DeadWorker[];
  /** Tasks that the database refuses to give back. */
  refused: { readonly id: number; readonly kind: number; readonly of: DeadWorker; readonly error: unknown }[];
}

/** A scan of the whole table is right here, once per crash; a large table takes its time. */
const SCAN = {
  settings: {
    enable_seqscan: 'on',
    enable_hashjoin: 'on',
    plan_cache_mode: 'force_custom_plan',
    lock_timeout: '5s',
  },
  deadlineMs: 120_000,
};

/** The leases of worker processes: taken, kept alive, ended, and rescued from the dead. */
export class LeaseRepository {
  /** What the leases say of this process already. */
  private told: readonly string[] = [];

  constructor(
    private readonly pool: ControlPool,
    private readonly sql: QueueSql,
  ) {}

  async acquire(info: WorkerInfo, report: WorkerReport): Promise<number> {
    const { worker, host, pid, version } = info;
    const rows = await this.pool.query('acquire', this.sql.acquire, [
      worker,
      host,
      pid,
      version,
      ...columnsOf(report),
    ]);
    return Number(rows[0]!['id']);
  }

  /** Tells what has changed in the report since the last heartbeat. */
  async heartbeat(
    leaseIds: readonly number[],
    current: number | null,
    silenceMs: number,
    report: WorkerReport,
    aheadMs: number,
  ): Promise<Heartbeat> {
    const columns = columnsOf(report);
    const rows = await this.pool.query('heartbeat', this.sql.heartbeat, [
      intArray(leaseIds, Number),
      silenceMs,
      ...columns.map((column, index) => (column === this.told[index] ? null : column)),
      current,
      aheadMs,
    ]);
    this.told = columns;
    return heartbeatOf(rows[0]!);
  }

  /** Ties leases to this session. An older session of this process, which has not ended yet, may hold some of them still. */
  async hold(leaseIds: readonly number[]): Promise<Hold> {
    const rows = await this.pool.query('hold_lease', this.sql.hold, [intArray(leaseIds, Number)]);
    return { session: rows[0]!['session']!, held: new Set(JSON.parse(rows[0]!['held'] ?? '[]') as number[]) };
  }

  /** Ends leases that no task points to any more. */
  async end(leaseIds: readonly number[]): Promise<void> {
    await this.pool.query('end_lease', this.sql.end, [intArray(leaseIds, Number)]);
  }

  /**
   * Ends a lease of this process and gives back the tasks that it may hold and that never reached it: their attempt does not count.
   * @returns false when some are left, and the lease with them: other transactions hold their rows.
   */
  release(leaseId: number): Promise<boolean> {
    return this.pool.transaction(SCAN, async (query) => {
      await query(this.sql.lock, [leaseId]);
      // Rows that can't be changed are orphans from now on.
      const { remaining } = await giveBack(query, this.sql, {
        leases: [{ id: leaseId, message: null }],
        attempts: 1,
        keep: new Map(),
      });
      if (remaining.length === 0) {
        await query(this.sql.end, [intArray([leaseId], Number)]);
      }
      return remaining.length === 0;
    });
  }

  /**
   * Gives the tasks of those suspects back whose worker process is dead.
   * @param silenceMs after which a process whose session is gone is dead; null: sessions tell nothing
   * @param keep how many messages each kind keeps
   */
  rescue(
    suspects: readonly number[],
    timeoutMs: number,
    silenceMs: number | null,
    keep: ReadonlyMap<number, number>,
  ): Promise<Rescue> {
    return this.pool.transaction(SCAN, async (query) => {
      const dead = await query(this.sql.endDead, [timeoutMs, silenceMs, intArray(suspects, Number)]);
      return this.takeFrom(query, dead.map(deadWorker), keep);
    });
  }

  /** Gives back what rescues had to leave, where nobody has tried for a while. @param ended leases */
  rescueEnded(ended: readonly number[], keep: ReadonlyMap<number, number>): Promise<Rescue> {
    return this.pool.transaction(SCAN, async (query) => {
      const left = await query(this.sql.endLeft, [intArray(ended, Number)]);
      return this.takeFrom(query, left.map(deadWorker), keep);
    });
  }

  /** Lets others give back at once what is left of leases that this process has ended. */
  async leave(ended: readonly number[]): Promise<void> {
    await this.pool.query('leave', this.sql.leave, [intArray(ended, Number)]);
  }

  /** Gives back what a rescue had to leave. */
  rescueRemaining(dead: readonly DeadWorker[], keep: ReadonlyMap<number, number>): Promise<Rescue> {
    return this.pool.transaction(SCAN, (query) => this.takeFrom(query, dead, keep));
  }

  /** What a claim took whose answer never came, as far as `mostRows` of each level that it looked at show. */
  async findStray({ claimId, kinds }: ClaimRequest, mostRows: number): Promise<HeldTask[]> {
    const levels = kinds.flatMap(({ kind, levels: own }) =>
      own.map(({ priority, cursor }) => ({ kind, priority, position: cursor })),
    );
    const rows = await this.pool.query('find_stray', this.sql.findStray, [
      claimId,
      ...placesOf(levels),
      mostRows,
    ]);
    return heldOf(rows);
  }

  /** What these leases hold, as far as it lies behind these places. */
  async findOwn(leaseIds: readonly number[], places: readonly LevelPlace[]): Promise<HeldTask[]> {
    const rows = await this.pool.query('find_own', this.sql.findOwn, [
      intArray(leaseIds, Number),
      ...placesOf(places),
    ]);
    return heldOf(rows);
  }

  /** Gives back one task of a dead process. */
  rescueOne(of: DeadWorker, id: number, keep: ReadonlyMap<number, number>): Promise<Rescue> {
    return this.pool.transaction(SCAN, (query) => this.takeFrom(query, [of], keep, [id]));
  }

  /** Makes every process look behind its cursors again. */
  async rewind(): Promise<void> {
    await this.pool.query('rewind', this.sql.rewind);
  }

  /** Gives back the tasks of leases that do not exist. */
  rescueOrphans(keep: ReadonlyMap<number, number>): Promise<Rescue> {
    return this.pool.transaction(SCAN, async (query) => {
      const leases = await query(this.sql.findOrphans);
      return this.takeFrom(
        query,
        leases.map(({ id }) => ({ leaseId: Number(id), worker: 'unknown' })),
        keep,
      );
    });
  }

  private async takeFrom(
    query: Query,
    dead: readonly DeadWorker[],
    keep: ReadonlyMap<number, number>,
    ids: readonly number[] | null = null,
  ): Promise<Rescue> {
    if (dead.length === 0) {
      return { tasks: [], remaining: [], refused: [] };
    }
    const what = givingBack(dead, keep);
    const { given, remaining, refused } = await (ids
      ? giveSome(query, this.sql, what, ids).then((some) => ({ ...some, refused: [] }))
      : giveBack(query, this.sql, what));
    await query(this.sql.rewind);
    if (!ids) {
      // What is left keeps its lease, so that it is known of whatever becomes of this process.
      const done = dead.filter(({ leaseId }) => !remaining.includes(leaseId));
      await query(this.sql.end, [intArray(done, ({ leaseId }) => leaseId)]);
    }
    const byLease = new Map(dead.map((worker) => [worker.leaseId, worker]));
    return {
      tasks: given.map(([kind, leaseId, count, exhausted]) => ({
        kind,
        worker: byLease.get(leaseId)!.worker,
        count,
        exhausted,
      })),
      remaining: dead.filter(({ leaseId }) => remaining.includes(leaseId)),
      refused: refused.map(({ id, kind, leaseId, error }) => ({
        id,
        kind,
        of: byLease.get(leaseId)!,
        error,
      })),
    };
  }
}

function deadWorker({ id, worker }: TextRow): DeadWorker {
  return { leaseId: Number(id), worker: worker! };
}

function givingBack(dead: readonly DeadWorker[], keep: ReadonlyMap<number, number>): GivingBack {
  const leases = dead.map(({ leaseId, worker }) => ({
    id: leaseId,
    message: `worker process lost: ${worker}`,
  }));
  return { leases, attempts: 0, keep };
}

function placesOf(places: readonly LevelPlace[]): string[] {
  return [
    intArray(places, ({ kind }) => kind),
    intArray(places, ({ priority }) => priority),
    intArray(places, ({ position }) => position.runAt),
    intArray(places, ({ position }) => position.id),
  ];
}

function heldOf([row]: TextRow[]): HeldTask[] {
  const held = JSON.parse(row?.['held'] ?? '[]') as [number, number, number][];
  return held.map(([id, kind, claimId]) => ({ id, kind, claimId }));
}

function columnsOf({ kinds, settings, slots, running, refused }: WorkerReport): string[] {
  return [
    intArray(kinds, Number),
    ...[settings, slots, running, refused].map((part) => asciiJson(JSON.stringify(part))),
  ];
}
