import type { ClaimRepository } from '../storage/claim.repository.js';
import { isRowError } from '../storage/sql-state.js';
import type { DueTask } from '../task/claim.js';
import { byKind } from '../task/isolation.js';
import { isolateRows } from '../storage/isolate-rows.js';
import type { ClaimCursor } from './claim-cursor.js';
import type { RefusedTasks } from './refused-tasks.js';

/** Of errors that may be the server's, so many in a row are one too many: maybe a row raises them. */
const PATIENCE = 3;
/** A kind of which so many tasks are refused is left alone until one of them is not. */
const MOST_OF_A_KIND = 500;
/** When a row that another transaction holds is looked at again. */
const HELD_AGAIN_MS = 1000;

export interface RefusedClaimsDeps {
  repository: Pick<ClaimRepository, 'isDue'>;
  cursor: ClaimCursor;
  refused: RefusedTasks;
  /** Claims these alone, and starts them. @returns how many */
  claim(tasks: readonly DueTask[]): Promise<number>;
}

/** The tasks that the database refuses to hand out: claims pass over them, and each is tried again alone. */
export class RefusedClaims {
  private readonly tasks = new Map<number, { readonly task: DueTask; againAt: number }>();
  private ids: readonly number[] = [];

  constructor(private readonly deps: RefusedClaimsDeps) {}

  /** What claims pass over. */
  get except(): readonly number[] {
    return this.ids;
  }

  /** Whether so much of a kind is refused that nothing of it is claimed. */
  withholds(kind: number): boolean {
    return (
      this.ids.length >= MOST_OF_A_KIND && this.deps.refused.idsOf('claim', kind).length >= MOST_OF_A_KIND
    );
  }

  /** When the next of them is to be tried again. */
  get nextAt(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const { againAt } of this.tasks.values()) {
      next = Math.min(next, againAt);
    }
    return next;
  }

  /** Whether a claim that failed, the n-th in a row, may have failed because of a row. */
  isSuspect(error: unknown, failures: number): boolean {
    return isRowError(error) || failures >= PATIENCE;
  }

  /**
   * Finds out for which of these tasks claims fail; the others are started.
   * @returns whether that helped: where nothing can be claimed it may be the server
   */
  async isolate(due: readonly DueTask[]): Promise<boolean> {
    let helped = false;
    for (const ofKind of byKind(due, ({ kind }) => kind)) {
      const { results, refused, untried } = await isolateRows(ofKind, (part) => this.deps.claim(part));
      for (const { item, error } of refused) {
        this.refuse(item, error);
      }
      helped ||= results.length > 0 || (refused.length > 0 && untried.length === 0);
    }
    return helped;
  }

  /** Tries again what is due to be. @param mayRun whether tasks of a kind are claimed now */
  async tryAgain(mayRun: (kind: number) => boolean): Promise<void> {
    const now = performance.now();
    for (const entry of this.tasks.values()) {
      if (entry.againAt <= now) {
        await this.tryOne(entry, now, mayRun);
      }
    }
  }

  private async tryOne(
    entry: { readonly task: DueTask; againAt: number },
    now: number,
    mayRun: (kind: number) => boolean,
  ): Promise<void> {
    const { task } = entry;
    if (!mayRun(task.kind)) {
      entry.againAt = now + HELD_AGAIN_MS;
      return;
    }
    try {
      if ((await this.deps.claim([task])) > 0) {
        this.accept(task);
      } else if (await this.deps.repository.isDue(task.id)) {
        entry.againAt = now + HELD_AGAIN_MS;
      } else {
        // Gone, running elsewhere, or due later; where it is due again meanwhile, it must not lie behind the cursor.
        this.accept(task);
        this.deps.cursor.goBackTo(task);
      }
    } catch (error) {
      this.refuse(task, error);
    }
  }

  private refuse(task: DueTask, error: unknown): void {
    const againMs = this.deps.refused.refuse(task, 'claim', error);
    this.tasks.set(task.id, { task, againAt: performance.now() + againMs });
    this.ids = [...this.tasks.keys()];
  }

  private accept({ id }: DueTask): void {
    this.tasks.delete(id);
    this.ids = [...this.tasks.keys()];
    this.deps.refused.accept(id, 'claim');
  }
}
