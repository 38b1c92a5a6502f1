import type { ClaimRequest, LimitedAnswer } from '../../task/claim.js';
import type { AttemptWatch } from '../lease/attempt-watch.js';
import type { LeaseKeeper } from '../lease/lease-keeper.js';
import { Attempt } from '../run/attempt.js';
import type { WorkerPool } from '../run/worker-pool.js';
import type { WorkerBase } from '../worker-base.js';

export interface ClaimStarterDeps extends Pick<WorkerBase, 'held' | 'idle' | 'events'> {
  pools: ReadonlyMap<number, WorkerPool>;
  leases: Pick<LeaseKeeper, 'wakeUp'>;
  watch: Pick<AttemptWatch, 'recheck'>;
}

/** Hands what a claim brought to the pools of its kinds. */
export class ClaimStarter {
  private closed = false;

  constructor(private readonly deps: ClaimStarterDeps) {}

  /** Whether late answers start nothing any more. */
  get isClosed(): boolean {
    return this.closed;
  }

  /** From now on, tasks that a late answer brings are left to the rescue. */
  close(): void {
    this.closed = true;
  }

  start({ claimId, leaseId }: ClaimRequest, answer: LimitedAnswer): void {
    const { pools, held, leases, idle, events, watch } = this.deps;
    if (answer.tasks.length > 0) {
      idle.noteWork();
      leases.wakeUp();
    }
    // An answer that comes so late that the lease was given up meanwhile starts nothing: others may have the tasks.
    const mayStart = held.current === leaseId && !answer.isWithheld;
    const waits = new Map<WorkerPool, number[]>();
    for (const task of answer.tasks) {
      const pool = pools.get(task.kind)!;
      const waitMs = Math.max(0, answer.now - task.runAt) / 1000;
      const ofPool = waits.get(pool);
      if (ofPool) {
        ofPool.push(waitMs);
      } else {
        waits.set(pool, [waitMs]);
      }
      const attempt = new Attempt(task, claimId, leaseId);
      if (mayStart) {
        pool.start(attempt);
      } else {
        pool.giveBack(attempt);
      }
    }
    watch.recheck();
    for (const [{ kind, name }, waitsMs] of waits) {
      events.emit({ type: 'tasks-claimed', kind, name, count: waitsMs.length, waitsMs });
    }
  }
}
