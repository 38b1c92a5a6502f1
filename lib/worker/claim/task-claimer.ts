import type { ClaimRepository } from '../../storage/claim.repository.js';
import { isCertainlyRolledBack } from '../../storage/sql-state.js';
import type { DueTask } from '../../task/claim.js';
import type { LeaseKeeper } from '../lease/lease-keeper.js';
import type { LostClaims } from '../lease/lost-claims.js';
import type { WorkerBase } from '../worker-base.js';
import type { ClaimNumbers } from './claim-numbers.js';
import { requestFor } from './claim-request.js';
import type { ClaimStarter } from './claim-starter.js';
import type { PayloadBudget } from './payload-budget.js';

export interface TaskClaimerDeps extends Pick<WorkerBase, 'held'> {
  repository: ClaimRepository;
  leases: Pick<LeaseKeeper, 'beatNow'>;
  numbers: ClaimNumbers;
  starter: ClaimStarter;
  budget: PayloadBudget;
  lost: LostClaims;
}

/** Claims tasks by their ids, wherever cursors are. */
export class TaskClaimer {
  constructor(private readonly deps: TaskClaimerDeps) {}

  /**
   * Claims at most `limit` of these tasks, and starts them.
   * @param except the tasks that claims pass over
   * @returns the ids of those that it has got
   */
  async claim(
    tasks: readonly DueTask[],
    limit: number,
    except: readonly number[],
  ): Promise<ReadonlySet<number>> {
    const { repository, held, leases, numbers, starter, budget, lost } = this.deps;
    const ids = tasks.map(({ id }) => id);
    const request = requestFor(tasks, numbers.next(), held.current!, limit);
    try {
      const answer = await repository.claimOnly(request, budget.limits(except), ids);
      if (starter.isClosed || !answer.leaseHeld) {
        leases.beatNow();
        return new Set();
      }
      starter.start(request, answer);
      budget.answered(answer);
      return new Set(answer.tasks.map(({ id }) => id));
    } catch (error) {
      if (!isCertainlyRolledBack(error)) {
        lost.add(request);
      }
      throw error;
    }
  }
}
