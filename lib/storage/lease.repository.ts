import type { ControlPool, TextRow } from './control-pool.js';
import { intArray } from './pg-array.js';
import type { QueueSql } from './sql/index.js';

/** What an operator sees of a worker process. */
export interface WorkerInfo {
  worker: string;
  host: string;
  pid: number;
  version: string;
  kinds: readonly number[];
}

export interface Heartbeat {
  /** Those of this process's leases that still exist. */
  alive: ReadonlySet<number>;
  /** How many leases of others had no heartbeat for longer than asked. */
  silent: number;
}

/** The tasks that a rescue took from one worker process. */
export interface RescuedTasks {
  kind: number;
  worker: string;
  count: number;
  exhausted: number;
}

/** A scan of the whole table is right here, once per crash. */
const SCANNING = {
  enable_seqscan: 'on',
  enable_hashjoin: 'on',
  plan_cache_mode: 'force_custom_plan',
  lock_timeout: '5s',
};

/** The leases of worker processes: taken, kept alive, ended, and rescued from the dead. */
export class LeaseRepository {
  constructor(
    private readonly pool: ControlPool,
    private readonly sql: QueueSql,
  ) {}

  async acquire(info: WorkerInfo): Promise<number> {
    const { worker, host, pid, version, kinds } = info;
    const rows = await this.pool.query('acquire', this.sql.acquire, [
      worker,
      host,
      pid,
      version,
      intArray(kinds, Number),
    ]);
    return Number(rows[0]!['id']);
  }

  async heartbeat(leaseIds: readonly number[], silenceMs: number): Promise<Heartbeat> {
    const rows = await this.pool.query('heartbeat', this.sql.heartbeat, [
      intArray(leaseIds, Number),
      silenceMs,
    ]);
    return {
      alive: new Set(JSON.parse(rows[0]!['alive']!) as number[]),
      silent: Number(rows[0]!['silent']),
    };
  }

  /** Ties leases to this session. @returns whether it holds all of them: an older session of this process may not have ended yet. */
  async hold(leaseIds: readonly number[]): Promise<boolean> {
    const rows = await this.pool.query('hold_lease', this.sql.hold, [intArray(leaseIds, Number)]);
    return rows[0]!['held'] !== 'f';
  }

  /** Ends leases that no task points to any more. */
  async end(leaseIds: readonly number[]): Promise<void> {
    await this.pool.query('end_lease', this.sql.end, [intArray(leaseIds, Number)]);
  }

  /** Ends a lease of this process and gives back the tasks it may still hold; their attempt does not count. */
  async release(leaseId: number): Promise<void> {
    await this.pool.transactionWith(SCANNING, (query) => query(this.sql.release, [leaseId]));
  }

  /**
   * Gives the tasks of dead worker processes back.
   * @param silenceMs after which a process whose session is gone is dead; null: sessions tell nothing
   * @param keep how many messages each kind keeps
   */
  rescue(
    timeoutMs: number,
    silenceMs: number | null,
    keep: ReadonlyMap<number, number>,
  ): Promise<RescuedTasks[]> {
    return this.giveBack(keep, (query) => query(this.sql.endDead, [timeoutMs, silenceMs]));
  }

  /** Gives back the tasks of leases that do not exist. */
  rescueOrphans(keep: ReadonlyMap<number, number>): Promise<RescuedTasks[]> {
    return this.giveBack(keep, (query) => query(this.sql.findOrphans));
  }

  private giveBack(
    keep: ReadonlyMap<number, number>,
    findLeases: (query: (text: string, values?: unknown[]) => Promise<TextRow[]>) => Promise<TextRow[]>,
  ): Promise<RescuedTasks[]> {
    return this.pool.transactionWith(SCANNING, async (query) => {
      const leases = await findLeases(query);
      if (leases.length === 0) {
        return [];
      }
      const kinds = [...keep];
      const [row] = await query(this.sql.giveBack, [
        intArray(leases, ({ id }) => Number(id)),
        leases.map(({ worker }) => worker),
        intArray(kinds, ([kind]) => kind),
        intArray(kinds, ([, messages]) => messages),
      ]);
      await query(this.sql.rewind);
      const rescued = JSON.parse(row?.['rescued'] ?? '[]') as [number, string, number, number][];
      return rescued.map(([kind, worker, count, exhausted]) => ({ kind, worker, count, exhausted }));
    });
  }
}
