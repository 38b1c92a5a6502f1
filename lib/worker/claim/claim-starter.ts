import type { ClaimRequest, LimitedAnswer } from '../../task/claim.js';
import type { EventSink } from '../../events/queue-events.js';
import { Attempt } from '../run/attempt.js';
import type { LeaseKeeper } from '../lease/lease-keeper.js';
import type { IdleBackoff } from './idle-backoff.js';
import type { WorkerPool } from '../run/worker-pool.js';

export interface ClaimStarterDeps {
  pools: ReadonlyMap<number, WorkerPool>;
  leases: Pick<LeaseKeeper, 'current' | 'wakeUp'>;
  rest: IdleBackoff;
  events: EventSink;
  /** Tasks were claimed and have begun. */
  onStarted(): void;
}

/** Hands what a claim brought to the pools of its kinds. */
export class ClaimStarter {
  constructor(private readonly deps: ClaimStarterDeps) {}

  start({ claimId, leaseId }: ClaimRequest, answer: LimitedAnswer): void {
    const { pools, leases, rest, events, onStarted } = this.deps;
    if (answer.tasks.length > 0) {
      rest.news();
      leases.wakeUp();
    }
    // An answer that comes so late that the lease was given up meanwhile starts nothing: others may have the tasks.
    const mayStart = leases.current === leaseId && !answer.isWithheld;
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
    onStarted();
    for (const [{ kind, name }, waitsMs] of waits) {
      events.emit({ type: 'tasks-claimed', kind, name, count: waitsMs.length, waitsMs });
    }
  }
}
