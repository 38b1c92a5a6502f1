import { giveBack, type GivingBack, giveSome, type Query, type RefusedRow, SCAN } from './give-back.js';
import { OwnRepository } from './own-repository.js';
import { intArray } from './pg-array.js';

/** The tasks that a rescue took from one worker process. */
export interface RescuedTasks {
  kind: number;
  worker: string;
  count: number;
  exhausted: number;
}

/** A worker process that was silent for so long that its tasks are rescued. */
export interface LostWorker {
  leaseId: number;
  worker: string;
}

export interface Rescue {
  tasks: RescuedTasks[];
  /** Whose tasks could not all be taken: other transactions hold their rows. */
  remaining: LostWorker[];
  /** Tasks that the database refuses to give back. */
  refused: (Omit<RefusedRow, 'leaseId'> & { readonly of: LostWorker })[];
}

/** Takes the tasks of lost worker processes, and ends their leases. */
export class RescueRepository extends OwnRepository {
  /**
   * Takes the tasks of those suspects whose worker process is lost.
   * @param silenceMs a process whose session is gone is lost after this; null: sessions are not considered
   * @param keep how many messages each kind keeps
   */
  rescue(
    suspects: readonly number[],
    timeoutMs: number,
    silenceMs: number | null,
    keep: ReadonlyMap<number, number>,
  ): Promise<Rescue> {
    return this.takeFound(this.sql.endLost, [timeoutMs, silenceMs, intArray(suspects, Number)], keep);
  }

  /** Takes the tasks that rescues had to leave, and that no process has tried to take for a while. @param ended leases */
  rescueEnded(ended: readonly number[], keep: ReadonlyMap<number, number>): Promise<Rescue> {
    return this.takeFound(this.sql.endLeft, [intArray(ended, Number)], keep);
  }

  /** Lets other processes take at once the tasks that are left of leases that this process has ended. */
  async leave(ended: readonly number[]): Promise<void> {
    await this.query('leave', [intArray(ended, Number)]);
  }

  /** Takes the tasks that a rescue had to leave. */
  rescueRemaining(dead: readonly LostWorker[], keep: ReadonlyMap<number, number>): Promise<Rescue> {
    return this.pool.transaction(SCAN, (query) => this.takeFrom(query, dead, keep));
  }

  /** Takes one task of a lost process. */
  rescueOne(of: LostWorker, id: number, keep: ReadonlyMap<number, number>): Promise<Rescue> {
    return this.pool.transaction(SCAN, (query) => this.takeFrom(query, [of], keep, [id]));
  }

  /** Takes the tasks of leases that do not exist. */
  rescueOrphans(keep: ReadonlyMap<number, number>): Promise<Rescue> {
    return this.takeFound(this.sql.findOrphans, [], keep);
  }

  /** Takes the tasks of the leases that a statement returns. */
  private takeFound(sql: string, parameters: unknown[], keep: ReadonlyMap<number, number>): Promise<Rescue> {
    return this.pool.transaction(SCAN, async (query) => {
      const leases = await query(sql, parameters);
      const dead = leases.map(({ id, worker }) => ({ leaseId: Number(id), worker: worker ?? 'unknown' }));
      return this.takeFrom(query, dead, keep);
    });
  }

  private async takeFrom(
    query: Query,
    dead: readonly LostWorker[],
    keep: ReadonlyMap<number, number>,
    ids: readonly number[] | null = null,
  ): Promise<Rescue> {
    if (dead.length === 0) {
      return { tasks: [], remaining: [], refused: [] };
    }
    const leases = dead.map(({ leaseId: id, worker }) => ({ id, message: `worker process lost: ${worker}` }));
    const what: GivingBack = { leases, attempts: 0, keep };
    const { given, remaining, refused } = await (ids
      ? giveSome(query, this.sql, what, ids).then((some) => ({ ...some, refused: [] }))
      : giveBack(query, this.sql, what));
    await query(this.sql.rewind);
    if (!ids) {
      // The lease of tasks that are left stays, so that other processes find them if this one ends.
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
      refused: refused.map(({ leaseId, ...row }) => ({ ...row, of: byLease.get(leaseId)! })),
    };
  }
}
