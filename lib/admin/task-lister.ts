import type { AdminRepository, ListPosition, StoredPage } from '../storage/admin.repository.js';
import { isExact, type ListShape, shapeOf } from '../storage/list-shape.js';
import type { CheckedFilter } from '../inspect/task-filter.js';

/** The rows that are read for a page of a filter that no index serves alone. */
const EXAMINED = 5000;
/** Fewer rows for a text, which is searched in whole payloads. */
const EXAMINED_FOR_TEXT = 1000;
/** The rows that are read of each kind and priority, of several that are merged. */
const EXAMINED_OF_EACH = 250;

export interface ListedTasks extends Omit<StoredPage, 'last' | 'found'> {
  /** Where the next page begins; null behind the last task. */
  readonly next: ListPosition | null;
}

/** Reads an index page by page, however few of its rows the filter selects. */
export class TaskLister {
  constructor(private readonly repository: () => AdminRepository) {}

  async page(
    filter: CheckedFilter,
    limit: number,
    after: ListPosition | null,
    shape: ListShape = shapeOf(filter),
  ): Promise<ListedTasks> {
    // One task more than the limit shows whether there is a next page.
    const examine = Math.max(examinedBy(shape, filter), limit + 1);
    const { tasks, last, found, ...page } = await this.repository().list(shape, filter, {
      examine,
      limit: limit + 1,
      after,
    });
    const shown = tasks.slice(0, limit);
    const next =
      tasks.length > limit ? shown.at(-1)!.place : found < examine && page.examined === found ? null : last;
    return { ...page, tasks: shown, next };
  }
}

function examinedBy(shape: ListShape, filter: CheckedFilter): number {
  if (isExact(shape, filter)) {
    return 0;
  }
  if (shape !== 'any' && shape !== 'byId' && shape !== 'byKey' && filter.kinds?.length !== 1) {
    return EXAMINED_OF_EACH;
  }
  return filter.text === null ? EXAMINED : EXAMINED_FOR_TEXT;
}
