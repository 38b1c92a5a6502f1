import { failuresAfter, isRowSuspected } from '../storage/isolate-rows.js';
import { errorMessage } from '../errors/error-message.js';
import type { RefusedStep, EventSink } from '../events/queue-events.js';
import { MAX_REPORTED_REFUSALS, type ReportedRefusals } from '../inspect/worker-report.js';
import type { Admission } from './slots/admission.js';
import type { TaskOrigin } from './task-origin.js';

/** The first and the longest wait before a refused statement is tried again: each wait is longer. */
const FIRST_AGAIN_MS = 1000;
const LONGEST_AGAIN_MS = 60_000;
/** A kind of which so many tasks are kept apart is not claimed until one of them is accepted. */
const MOST_OF_A_KIND = 500;
/** The steps whose refusal keeps a task apart that this process would run, or has run. */
const KEEPING: readonly RefusedStep[] = ['claim', 'begin', 'outcome'];
/** The steps whose refusal leaves a task with a lease of this process. */
const LEASED: readonly RefusedStep[] = ['begin', 'outcome', 'release'];
/** The longest error that a heartbeat reports. */
const MAX_ERROR_LENGTH = 500;

interface TaskRow {
  readonly id: number;
  readonly kind: number;
}

interface Refusal extends TaskRow {
  readonly step: RefusedStep;
  readonly since: number;
  error: unknown;
  tries: number;
  /** How many failures in a row may have been the row's, whatever the server said. */
  failures: number;
  timer: NodeJS.Timeout | undefined;
}

export interface KindNames {
  /** Returns the name of a kind, or what stands for it while it has no handler here. */
  nameOf(kind: number): string;
}

export interface RefusedTasksDeps {
  events: EventSink;
  origin: TaskOrigin;
  pools: KindNames;
}

/**
 * The tasks for which the database refuses a statement: by a trigger, a policy or a constraint of the application's, or by damage. They
 * are kept apart from all others, reported, and tried again automatically, so that one that was repaired goes on.
 */
export class RefusedTasks implements Admission {
  private readonly refusals = new Map<string, Refusal>();
  /** How many tasks of each kind are kept apart. */
  private readonly kept = new Map<number, number>();
  private readonly trying = new Set<Promise<void>>();
  private closed = false;

  constructor(private readonly deps: RefusedTasksDeps) {}

  /**
   * Keeps a task apart.
   * @param again tries the statement once more, for this task alone; it resolves when there is nothing to do any more. Without it the caller tries again.
   * @returns in how many milliseconds the statement is to be tried again
   */
  refuse(task: TaskRow, step: RefusedStep, error: unknown, again?: () => Promise<void>): number {
    const key = keyOf(task.id, step);
    const refusal = this.refusals.get(key) ?? this.add(key, newRefusal(task, step));
    refusal.error = error;
    const retryInMs = Math.min(LONGEST_AGAIN_MS, FIRST_AGAIN_MS * 2 ** Math.min(refusal.tries++, 16));
    const { tries } = refusal;
    this.deps.events.emit({ type: 'task-refused', ...this.nameOf(refusal), error, tries, retryInMs });
    if (again) {
      this.tryLater(refusal, again, retryInMs);
    }
    return retryInMs;
  }

  /** The step is done, or need not be done any more. */
  accept(id: number, step: RefusedStep): void {
    const key = keyOf(id, step);
    const refusal = this.refusals.get(key);
    if (refusal) {
      clearTimeout(refusal.timer);
      this.refusals.delete(key);
      this.count(refusal, -1);
      this.deps.events.emit({ type: 'task-accepted', ...this.nameOf(refusal) });
    }
  }

  has(id: number, step: RefusedStep): boolean {
    return this.refusals.has(keyOf(id, step));
  }

  /** No more of a kind are claimed while too many of its tasks are kept apart. */
  allows(kind: number): number {
    return (this.kept.get(kind) ?? 0) >= MOST_OF_A_KIND ? 0 : Number.POSITIVE_INFINITY;
  }

  /** Whether tasks stay with leases of this process, whatever it does. */
  get leaveLeased(): boolean {
    return [...this.refusals.values()].some(({ step }) => LEASED.includes(step));
  }

  /** The tasks of a kind for which a step is refused. */
  idsOf(step: RefusedStep, kind: number): number[] {
    return [...this.refusals.values()].flatMap((refusal) =>
      refusal.step === step && refusal.kind === kind ? [refusal.id] : [],
    );
  }

  /** Returns the oldest, for operators who see them in the database. */
  report(): ReportedRefusals {
    return [...this.refusals.values()]
      .slice(0, MAX_REPORTED_REFUSALS)
      .map(({ id, kind, step, error, since }) => [
        String(id),
        kind,
        step,
        errorMessage(error).slice(0, MAX_ERROR_LENGTH),
        since,
      ]);
  }

  /** Tries nothing any more; resolves when what is on its way has been answered. */
  async close(): Promise<void> {
    this.closed = true;
    this.refusals.forEach(({ timer }) => clearTimeout(timer));
    await Promise.all(this.trying);
  }

  private add(key: string, refusal: Refusal): Refusal {
    this.refusals.set(key, refusal);
    this.count(refusal, 1);
    return refusal;
  }

  private count({ kind, step }: Refusal, change: 1 | -1): void {
    if (KEEPING.includes(step)) {
      this.kept.set(kind, (this.kept.get(kind) ?? 0) + change);
    }
  }

  private tryLater(refusal: Refusal, again: () => Promise<void>, delayMs: number): void {
    if (!this.closed) {
      clearTimeout(refusal.timer);
      refusal.timer = setTimeout(() => {
        const trial = this.tryOnce(refusal, again).finally(() => this.trying.delete(trial));
        this.trying.add(trial);
      }, delayMs);
    }
  }

  /** Never rejects. */
  private async tryOnce(refusal: Refusal, again: () => Promise<void>): Promise<void> {
    try {
      await again();
      this.accept(refusal.id, refusal.step);
    } catch (error) {
      if (this.closed) {
        return;
      }
      refusal.failures = failuresAfter(error, refusal.failures);
      if (isRowSuspected(error, refusal.failures)) {
        this.refuse(refusal, refusal.step, error, again);
      } else {
        this.tryLater(refusal, again, FIRST_AGAIN_MS);
      }
    }
  }

  private nameOf({ id, kind, step }: Refusal) {
    return { kind, name: this.deps.pools.nameOf(kind), id: this.deps.origin.idOf(id), step };
  }
}

function newRefusal({ id, kind }: TaskRow, step: RefusedStep): Refusal {
  return { id, kind, step, since: Date.now(), error: undefined, tries: 0, failures: 0, timer: undefined };
}

function keyOf(id: number, step: RefusedStep): string {
  return `${step} ${id}`;
}
