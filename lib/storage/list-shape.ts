import { type CheckedFilter, classesOf, isWholeClass, SHOWN_STATUSES } from '../inspect/task-filter.js';
import type { ListClass } from '../task/task-status.js';

/** The index that a list walks, which decides the order of the list. */
export type ListShape = ListClass | 'any' | 'byId' | 'byKey';

/** The shape that finds the tasks of a filter with the fewest rows to read. */
export function shapeOf({ ids, externalKey, statuses }: CheckedFilter): ListShape {
  if (ids) {
    return 'byId';
  }
  if (externalKey !== null) {
    return 'byKey';
  }
  const [only, ...others] = classesOf(statuses);
  return only && others.length === 0 ? only : 'any';
}

/** Whether the filter means every row that the shape reads. */
export function isExact(shape: ListShape, filter: CheckedFilter): boolean {
  const { kinds, statuses, text, createdFrom, createdTo } = filter;
  if (text !== null || createdFrom || createdTo) {
    return false;
  }
  return shape === 'any'
    ? kinds === null && statuses.length === SHOWN_STATUSES.length
    : shape !== 'byId' && shape !== 'byKey' && isWholeClass(statuses, shape);
}
