import { setMaxListeners } from 'node:events';
import type { LeaseRepository } from '../../storage/lease.repository.js';
import type { ClaimRequest } from '../../task/claim.js';
import { pauseUnlessAborted } from '../../timing/abortable-pause.js';
import { retryDelay } from '../../timing/retry-delay.js';
import type { WorkerBase } from '../worker-base.js';
import type { TaskReleaser } from './task-releaser.js';

/** When the tasks of a claim whose answer was lost are searched for: the server may still work at it. */
const SEARCHES_AFTER_MS = [0, 1000, 5000];
/** So many rows of a level are read, from where the claim began: it took the first that were free, and only those that others held are before. */
const MOST_ROWS = 10_000;

/** The claims whose answer was lost. They may have taken tasks, none of which is going to run here: these are found and released. */
export class LostClaims {
  private readonly stopping = new AbortController();
  private readonly searches = new Set<Promise<void>>();

  constructor(
    private readonly base: Pick<WorkerBase, 'cursor' | 'events' | 'statementTimeoutMs'>,
    private readonly leases: LeaseRepository,
    private readonly releaser: TaskReleaser,
  ) {
    // As many listen as there are claims in doubt: Node takes more than ten for a leak.
    setMaxListeners(0, this.stopping.signal);
  }

  /** Whether claims are in doubt: their leases may hold what nobody runs. */
  get areInDoubt(): boolean {
    return this.searches.size > 0;
  }

  /** The answer of a claim was lost. */
  add(request: ClaimRequest): void {
    this.base.cursor.reset();
    const search = this.searchFor(request).finally(() => this.searches.delete(search));
    this.searches.add(search);
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await Promise.all(this.searches);
  }

  private async searchFor(request: ClaimRequest): Promise<void> {
    const { signal } = this.stopping;
    // The server may work at a claim whose answer is given up for as long as a statement may take.
    // A claim that begins after the last search would be longer on its way than any statement may take: the reconciler finds its tasks.
    for (const afterMs of [...SEARCHES_AFTER_MS, this.base.statementTimeoutMs]) {
      if (afterMs > 0 && !(await pauseUnlessAborted(afterMs, signal))) {
        return;
      }
      for (let failures = 1; !(await this.release(request)); failures++) {
        if (!(await pauseUnlessAborted(retryDelay(failures), signal))) {
          return;
        }
      }
    }
  }

  /** Never rejects. @returns whether it succeeded */
  private async release(request: ClaimRequest): Promise<boolean> {
    try {
      await this.releaser.release(await this.leases.findStray(request, MOST_ROWS));
      return true;
    } catch (error) {
      this.base.events.emit({ type: 'connection-failed', role: 'maintenance', error });
      return false;
    }
  }
}
