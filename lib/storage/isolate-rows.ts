import { isolate, type Isolated } from '../task/isolation.js';
import { isRowError } from './sql-state.js';

/**
 * Finds the rows for which a statement fails, whatever its error says; the others are done.
 * @param work does nothing for no rows; may be tried again after any failure
 * @throws what the server says where it fails for no rows, too
 */
export function isolateRows<Item, Result>(
  items: readonly Item[],
  work: (part: readonly Item[]) => Promise<Result>,
): Promise<Isolated<Item, Result>> {
  return isolate(items, work, isRowError);
}
