import type { DueTask } from '../../task/claim.js';
import { byKind, failuresAfter, isolateRows, isRowSuspected } from '../../storage/isolate-rows.js';
import type { WorkerBase } from '../worker-base.js';
import type { TaskClaimer } from './task-claimer.js';

/** When a task of a paused kind is tried again, or one for which the server did not answer. */
const AGAIN_MS = 1000;

interface RefusedClaim {
  readonly task: DueTask;
  againAt: number;
  /** How many failures in a row may have been the row's, whatever the server said. */
  failures: number;
}

/** The tasks that the database refuses to hand out: claims pass over them, and each is tried again alone. */
export class RefusedClaims {
  /** The ids of the tasks that claims pass over. */
  except: readonly number[] = [];
  private readonly tasks = new Map<number, RefusedClaim>();

  constructor(
    private readonly base: Pick<WorkerBase, 'cursor' | 'refused' | 'paused'>,
    private readonly claimer: TaskClaimer,
  ) {}

  /** When the next of them is to be tried again. */
  get nextAt(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const { againAt } of this.tasks.values()) {
      next = Math.min(next, againAt);
    }
    return next;
  }

  /**
   * Finds out for which of these tasks claims fail; the others are started.
   * @returns whether that helped: where nothing can be claimed it may be the server
   */
  async isolate(due: readonly DueTask[]): Promise<boolean> {
    let helped = false;
    for (const ofKind of byKind(due, ({ kind }) => kind)) {
      const { results, refused, untried } = await isolateRows(ofKind, (part) => this.claim(part));
      for (const { item, error } of refused) {
        this.refuse(item, error);
      }
      helped ||= results.length > 0 || (refused.length > 0 && untried.length === 0);
    }
    return helped;
  }

  /** Tries again what is due to be. */
  async tryAgain(): Promise<void> {
    const now = performance.now();
    for (const entry of this.tasks.values()) {
      if (entry.againAt <= now) {
        await this.tryOne(entry, now);
      }
    }
  }

  private claim(tasks: readonly DueTask[]): Promise<ReadonlySet<number>> {
    return this.claimer.claim(tasks, tasks.length, this.except);
  }

  private async tryOne(entry: RefusedClaim, now: number): Promise<void> {
    const { task } = entry;
    if (this.base.paused.has(task.kind)) {
      entry.againAt = now + AGAIN_MS;
      return;
    }
    try {
      if ((await this.claim([task])).size === 0) {
        // The task is gone, held by somebody, or due later: where it is due again, it must not lie behind the cursor.
        this.base.cursor.reset();
      }
      this.accept(task);
    } catch (error) {
      entry.failures = failuresAfter(error, entry.failures);
      if (isRowSuspected(error, entry.failures)) {
        this.refuse(task, error, entry.failures);
      } else {
        entry.againAt = performance.now() + AGAIN_MS;
      }
    }
  }

  private refuse(task: DueTask, error: unknown, failures = 0): void {
    const againMs = this.base.refused.refuse(task, 'claim', error);
    this.tasks.set(task.id, { task, againAt: performance.now() + againMs, failures });
    this.except = [...this.tasks.keys()];
  }

  private accept({ id }: DueTask): void {
    this.tasks.delete(id);
    this.except = [...this.tasks.keys()];
    this.base.refused.accept(id, 'claim');
  }
}
