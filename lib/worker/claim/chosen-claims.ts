import type { ClaimRepository } from '../../storage/claim.repository.js';
import { isRowSuspected } from '../../storage/isolate-rows.js';
import type { ClaimRequest } from '../../task/claim.js';
import type { ConnectionStates } from '../connection-states.js';
import { RefusedClaims, type RefusedClaimsDeps } from './refused-claims.js';
import { SkippedRows, type SkippedRowsDeps } from './skipped-rows.js';
import { TaskClaimer, type TaskClaimerDeps } from './task-claimer.js';

export interface ChosenClaimsDeps
  extends TaskClaimerDeps, Omit<RefusedClaimsDeps, 'tasks'>, Omit<SkippedRowsDeps, 'tasks' | 'refused'> {
  repository: ClaimRepository;
  states: ConnectionStates;
}

/** The claims of chosen tasks: of those that the database refused, and of those that other transactions held. */
export class ChosenClaims {
  private readonly refused: RefusedClaims;
  private readonly skipped: SkippedRows;

  constructor(private readonly deps: ChosenClaimsDeps) {
    const tasks = new TaskClaimer(deps);
    this.refused = new RefusedClaims({ ...deps, tasks });
    this.skipped = new SkippedRows({ ...deps, tasks, refused: this.refused });
  }

  /** The ids of the tasks that other claims pass over. */
  get except(): readonly number[] {
    return this.refused.except;
  }

  /** In how many milliseconds there is something to do. */
  get inMs(): number {
    return Math.max(0, Math.min(this.refused.nextAt, this.skipped.nextAt) - performance.now());
  }

  /** A claim passed over rows that others held. */
  noteSkipped(request: ClaimRequest): void {
    this.skipped.note(request, performance.now());
  }

  /** Tries again what is due to be. Never rejects. */
  async tryAgain(): Promise<void> {
    await this.refused.tryAgain();
    if (this.skipped.nextAt <= performance.now()) {
      try {
        await this.skipped.tryAgain();
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
    if (this.deps.starter.isClosed || !isRowSuspected(error, failures)) {
      return false;
    }
    try {
      return await this.refused.isolate(await this.deps.repository.findDue(request, this.except));
    } catch {
      // It is the server: the error of the claim itself is reported.
      return false;
    }
  }
}
