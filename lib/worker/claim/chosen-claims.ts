import { isRowSuspected } from '../../storage/isolate-rows.js';
import type { ClaimRequest } from '../../task/claim.js';
import type { WorkerBase } from '../worker-base.js';
import { RefusedClaims } from './refused-claims.js';
import { SkippedRows, type SkippedRowsDeps } from './skipped-rows.js';
import { TaskClaimer, type TaskClaimerDeps } from './task-claimer.js';

type ChosenClaimsDeps = SkippedRowsDeps & TaskClaimerDeps & Pick<WorkerBase, 'refused' | 'paused' | 'states'>;

/** The claims of chosen tasks: of those that the database refused, and of those that other transactions held. */
export class ChosenClaims {
  private readonly refused: RefusedClaims;
  private readonly skipped: SkippedRows;

  constructor(private readonly deps: ChosenClaimsDeps) {
    const claimer = new TaskClaimer(deps);
    this.refused = new RefusedClaims(deps, claimer);
    this.skipped = new SkippedRows(deps, this.refused, claimer);
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
      await this.skipped.tryAgain().catch((error: unknown) => this.deps.states.failed('claim', error));
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
