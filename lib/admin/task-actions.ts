import type { Action, AdminRepository, ListPosition } from '../storage/admin.repository.js';
import type { StoredSummary } from '../inspect/task-view.js';
import { isolateRows } from '../storage/isolate-rows.js';
import { type ListShape, shapeOf } from '../storage/list-shape.js';
import { mayBeRowError } from '../storage/sql-state.js';
import type { ActionResult, RetryActionOptions } from '../inspect/operator-action.js';
import { errorMessage } from '../errors/error-message.js';
import { MAX_ATTEMPTS } from '../task/kind-options.js';
import {
  assertNarrow,
  type CheckedFilter,
  checkFilter,
  classesOf,
  type TaskFilter,
} from '../inspect/task-filter.js';
import { checkCount, checkOptionNames } from '../errors/check.js';
import { STATUSES, statusesOfClass, type TaskStatus } from '../task/task-status.js';
import type { TaskLister } from './task-lister.js';

/** The most rows that a transaction changes, and so locks. */
const BATCH = 500;
const DEFAULT_LIMIT = 1000;
const MAX_LIMIT = 100_000;

/** The statuses that each action may change; its statement checks each row again. */
const ALLOWED: Record<Action, readonly TaskStatus[]> = {
  retry: statusesOfClass('exhausted'),
  cancel: statusesOfClass('open'),
  delete: STATUSES,
  runNow: ['new', 'must_retry'],
};

/** An action with checked options. */
export interface CheckedAction {
  readonly action: Action;
  /** The filter, narrowed to the statuses that the action may change. */
  readonly filter: CheckedFilter;
  /** The filter as the operator gave it. */
  readonly meant: CheckedFilter;
  readonly limit: number;
  readonly attempts: number | null;
}

/** The progress of an action over all databases. */
export interface ActionProgress {
  changed: number;
  more: boolean;
  /** How many tasks were changed, by kind. */
  readonly kinds: Map<number, number>;
  readonly refused: { readonly id: string; readonly error: unknown }[];
}

/** @throws the error of the database when it refuses every task */
export function actionResult({ changed, more, refused }: ActionProgress): ActionResult {
  const [first] = refused;
  if (first && changed === 0) {
    throw first.error;
  }
  const named = refused.map(({ id, error }) => ({ id, error: errorMessage(error) }));
  return { changed, more, ...(first ? { refused: named } : {}) };
}

/** @throws InvalidOptionError for invalid options, and for a filter that names nothing */
export function checkAction(
  action: Action,
  filter: TaskFilter,
  options: RetryActionOptions = {},
): CheckedAction {
  const { limit, attempts } = checkOptions(action, options);
  const checked = checkFilter(filter);
  assertNarrow(filter, checked);
  const statuses = checked.statuses.filter((status) => ALLOWED[action].includes(status));
  return { action, filter: { ...checked, statuses }, meant: checked, limit, attempts };
}

/** Changes the tasks of one database that a filter selects, in batches that each commit separately. */
export class TaskActions {
  constructor(
    private readonly repository: () => AdminRepository,
    private readonly lister: TaskLister,
    private readonly hooks: {
      idOf(id: string): string;
      onChanged(action: Action, kinds: ReadonlyMap<number, number>): void;
      onRefused(action: Action, task: StoredSummary, error: unknown): void;
    },
  ) {}

  /** Stops at the limit, which counts for all databases together. */
  async run({ action, filter, limit, attempts }: CheckedAction, progress: ActionProgress): Promise<void> {
    for (const shape of shapesOf(filter)) {
      let after = await this.startOf(action, shape);
      do {
        if (progress.changed === limit) {
          progress.more = true;
          return;
        }
        const batch = Math.min(BATCH, limit - progress.changed);
        const { tasks, next } = await this.lister.page(filter, batch, after, shape);
        const found = tasks.map(({ task }) => task);
        await this.act(action, found, attempts, progress);
        after = next;
      } while (after !== null);
    }
  }

  /** `runNow` begins behind the tasks that are due already. */
  private async startOf(action: Action, shape: ListShape): Promise<ListPosition | null> {
    if (action !== 'runNow' || shape !== 'open') {
      return null;
    }
    const { now } = await this.repository().moment();
    return { at: now.getTime() * 1000, id: '0' };
  }

  private async act(
    action: Action,
    tasks: readonly StoredSummary[],
    attempts: number | null,
    progress: ActionProgress,
  ): Promise<void> {
    if (tasks.length === 0) {
      return;
    }
    const work = async (some: readonly StoredSummary[]) => {
      const ids = some.map(({ id }) => id);
      const kinds = await this.repository().act(action, ids, attempts);
      this.hooks.onChanged(action, kinds);
      for (const [kind, count] of kinds) {
        progress.changed += count;
        progress.kinds.set(kind, (progress.kinds.get(kind) ?? 0) + count);
      }
    };
    try {
      await work(tasks);
    } catch (error) {
      if (!mayBeRowError(error)) {
        await this.rewind();
        throw error;
      }
      await this.actInParts(action, tasks, work, progress);
    }
  }

  /** Skips the rows that the database refuses to change, and names them in the result. */
  private async actInParts(
    action: Action,
    tasks: readonly StoredSummary[],
    work: (some: readonly StoredSummary[]) => Promise<void>,
    progress: ActionProgress,
  ): Promise<void> {
    try {
      const { refused, untried } = await isolateRows(tasks, work);
      for (const { item, error: reason } of refused) {
        this.hooks.onRefused(action, item, reason);
        progress.refused.push({ id: this.hooks.idOf(item.id), error: reason });
      }
      progress.more ||= untried.length > 0;
    } finally {
      await this.rewind();
    }
  }

  /** Resets the cursors: claims may have skipped rows that were locked and then rolled back. When this fails, the sweep finds the rows. */
  private async rewind(): Promise<void> {
    await this.repository()
      .rewind()
      .catch(() => undefined);
  }
}

/** The lists in which the tasks are found: one of each class, so that each index is read only for tasks of its class. */
function shapesOf(filter: CheckedFilter): ListShape[] {
  const shape = shapeOf(filter);
  return shape === 'byId' || shape === 'byKey' ? [shape] : classesOf(filter.statuses);
}

const OPTION_NAMES: Record<Action, readonly string[]> = {
  retry: ['limit', 'attempts'],
  cancel: ['limit'],
  delete: ['limit'],
  runNow: ['limit'],
};

function checkOptions(
  action: Action,
  options: RetryActionOptions,
): { limit: number; attempts: number | null } {
  checkOptionNames(options, OPTION_NAMES[action], action);
  const { limit = DEFAULT_LIMIT, attempts } = options;
  checkCount('limit', limit, MAX_LIMIT);
  if (attempts !== undefined) {
    checkCount('attempts', attempts, MAX_ATTEMPTS);
  }
  return { limit, attempts: attempts ?? null };
}
