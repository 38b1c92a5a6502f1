import { asciiJson } from './ascii.js';
import type { TextRow } from './connection-options.js';
import { type Heartbeat, heartbeatOf } from './heartbeat.js';
import { giveBack, SCAN } from './give-back.js';
import { listIn, OwnRepository } from './own-repository.js';
import { intArray } from './pg-array.js';
import type { ClaimRequest, HeldTask, LevelPosition } from '../task/claim.js';
import type { WorkerReport } from '../inspect/worker-report.js';

/** How operators recognize a worker process. */
export interface WorkerInfo {
  worker: string;
  host: string;
  pid: number;
  version: string;
}

/** A session and the leases whose locks it holds. */
export interface Hold {
  session: string;
  held: ReadonlySet<number>;
}

/** The leases of this worker process: taken, kept alive and ended. */
export class LeaseRepository extends OwnRepository {
  /** What the last heartbeat reported, column by column: the next one sends only what has changed. */
  private reported: readonly string[] = [];

  async acquire(info: WorkerInfo, report: WorkerReport): Promise<number> {
    const { worker, host, pid, version } = info;
    const [row] = await this.query('acquire', [worker, host, pid, version, ...columnsOf(report)]);
    return Number(row!['id']);
  }

  /** Prolongs the leases, and stores what has changed in the report since the last heartbeat. */
  async heartbeat(
    leaseIds: readonly number[],
    current: number | null,
    silenceMs: number,
    report: WorkerReport,
    aheadMs: number,
  ): Promise<Heartbeat> {
    const columns = columnsOf(report);
    const [row] = await this.query('heartbeat', [
      intArray(leaseIds, Number),
      silenceMs,
      ...columns.map((column, index) => (column === this.reported[index] ? null : column)),
      current,
      aheadMs,
    ]);
    this.reported = columns;
    return heartbeatOf(row!);
  }

  /** Ties leases to this session. An older session of this process that has not ended yet may still hold some of them. */
  async hold(leaseIds: readonly number[]): Promise<Hold> {
    const [row] = await this.query('hold', [intArray(leaseIds, Number)]);
    return { session: row!['session']!, held: new Set(listIn<number>(row, 'held')) };
  }

  /** Ends leases that no task points to any more. */
  async end(leaseIds: readonly number[]): Promise<void> {
    await this.query('end', [intArray(leaseIds, Number)]);
  }

  /**
   * Ends a lease of this process and releases the tasks that it holds and that the process never got: their attempt does not count.
   * @returns false when other transactions hold rows of some tasks; then these tasks and the lease stay.
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

  /** The tasks of a claim whose result was lost, among the first `mostRows` of each level that it read. */
  async findStray({ claimId, kinds }: ClaimRequest, mostRows: number): Promise<HeldTask[]> {
    const levels = kinds.flatMap(({ kind, levels: own }) =>
      own.map(({ priority, cursor }) => ({ kind, priority, position: cursor })),
    );
    return heldOf(await this.query('findStray', [claimId, ...placesOf(levels), mostRows]));
  }

  /** The tasks that these leases hold behind these positions. */
  async findOwn(leaseIds: readonly number[], places: readonly LevelPosition[]): Promise<HeldTask[]> {
    return heldOf(await this.query('findOwn', [intArray(leaseIds, Number), ...placesOf(places)]));
  }

  /** Makes every process reset its cursors. */
  async rewind(): Promise<void> {
    await this.query('rewind');
  }
}

function placesOf(places: readonly LevelPosition[]): string[] {
  return [
    intArray(places, ({ kind }) => kind),
    intArray(places, ({ priority }) => priority),
    intArray(places, ({ position }) => position.runAt),
    intArray(places, ({ position }) => position.id),
  ];
}

function heldOf([row]: TextRow[]): HeldTask[] {
  return listIn<[number, number, number]>(row, 'held').map(([id, kind, claimId]) => ({ id, kind, claimId }));
}

function columnsOf({ kinds, settings, slots, running, refused }: WorkerReport): string[] {
  return [
    intArray(kinds, Number),
    ...[settings, slots, running, refused].map((part) => asciiJson(JSON.stringify(part))),
  ];
}
