import type { ClaimRepository } from '../../storage/claim.repository.js';
import { isRowSuspected } from '../../storage/isolate-rows.js';
import { isCertainlyRolledBack } from '../../storage/sql-state.js';
import type { ClaimLimits, ClaimRequest, DueTask, LimitedAnswer } from '../../task/claim.js';
import type { ClaimCursor } from './claim-cursor.js';
import type { ClaimNumbers } from './claim-numbers.js';
import { requestFor } from './claim-request.js';
import type { ClaimStarter } from './claim-starter.js';
import type { ConnectionStates } from '../connection-states.js';
import type { LeaseKeeper } from '../lease/lease-keeper.js';
import { RefusedClaims } from './refused-claims.js';
import type { RefusedTasks } from '../refused-tasks.js';
import { SkippedRows } from './skipped-rows.js';
import type { WorkerPool } from '../run/worker-pool.js';

export interface ChosenClaimsDeps {
  repository: ClaimRepository;
  cursor: ClaimCursor;
  pools: ReadonlyMap<number, WorkerPool>;
  leases: Pick<LeaseKeeper, 'current' | 'beatNow'>;
  states: ConnectionStates;
  refused: RefusedTasks;
  numbers: ClaimNumbers;
  starter: ClaimStarter;
  isPaused(kind: number): boolean;
  limits(): ClaimLimits;
  onAnswered(answer: LimitedAnswer): void;
  /** The claim may have taken tasks, and its answer was lost. */
  onLost(request: ClaimRequest): void;
  isClosed(): boolean;
}

/** Claims tasks by their ids, wherever cursors are: those that the database refused, and those that other transactions held. */
export class ChosenClaims {
  private readonly refused: RefusedClaims;
  private readonly skipped: SkippedRows;

  constructor(private readonly deps: ChosenClaimsDeps) {
    this.refused = new RefusedClaims({ ...deps, claim: (tasks) => this.claim(tasks, tasks.length) });
    this.skipped = new SkippedRows({
      ...deps,
      except: () => this.except,
      claim: (tasks, limit) => this.claimSkipped(tasks, limit),
    });
  }

  /** What other claims pass over. */
  get except(): readonly number[] {
    return this.refused.except;
  }

  /** In how many milliseconds there is something to do. */
  get inMs(): number {
    return Math.max(0, Math.min(this.refused.nextAt, this.skipped.nextAt) - performance.now());
  }

  /** A claim passed over rows that others held. */
  noteSkipped(request: ClaimRequest): void {
    this.skipped.note(request);
  }

  /** Tries again what is due to be. Never rejects. */
  async tryAgain(): Promise<void> {
    await this.refused.tryAgain();
    if (this.skipped.nextAt <= performance.now()) {
      try {
        await this.skipped.lookAgain();
      } catch (error) {
        this.deps.states.failed('claim', error);
      }
    }
  }

  /**
   * Where it is a row that a claim failed for, the n-th time in a row, the others are started.
   * @returns whether that may be, and was done
   */
  async isolate(request: ClaimRequest, error: unknown, failures: number): Promise<boolean> {
    if (this.deps.isClosed() || !isRowSuspected(error, failures)) {
      return false;
    }
    try {
      return await this.refused.isolate(await this.deps.repository.findDue(request, this.except));
    } catch {
      // It is the server: what the claim itself met is reported.
      return false;
    }
  }

  private async claimSkipped(tasks: readonly DueTask[], limit: number): Promise<ReadonlySet<number>> {
    try {
      return await this.claim(tasks, limit);
    } catch (error) {
      if (
        !this.deps.isClosed() &&
        isRowSuspected(error, 0) &&
        (await this.refused.isolate(tasks.slice(0, limit)))
      ) {
        // Those that could be had have been started.
        return new Set();
      }
      throw error;
    }
  }

  /** Claims at most so many of these, and starts them. @returns the ids of those that it has got */
  private async claim(tasks: readonly DueTask[], limit: number): Promise<ReadonlySet<number>> {
    const { repository, leases, numbers, starter, limits, onAnswered, onLost, isClosed } = this.deps;
    const ids = tasks.map(({ id }) => id);
    const request = requestFor(tasks, numbers.next(), leases.current!, limit);
    try {
      const answer = await repository.claimOnly(request, limits(), ids);
      if (isClosed() || !answer.leaseHeld) {
        leases.beatNow();
        return new Set();
      }
      starter.start(request, answer);
      onAnswered(answer);
      return new Set(answer.tasks.map(({ id }) => id));
    } catch (error) {
      if (!isCertainlyRolledBack(error)) {
        onLost(request);
      }
      throw error;
    }
  }
}
