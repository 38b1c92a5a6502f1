import { isolate, type Isolated } from './isolation.js';
import { isRowError, NotConnectedError } from './sql-state.js';

/** So many failures in a row may be a row's, whatever the server says; or does not say, when it breaks down over a row. */
const PATIENCE = 3;

/** Whether a statement may have failed because of a row, the n-th time in a row. */
export function isRowSuspected(error: unknown, failures: number): boolean {
  return isRowError(error) || (failures >= PATIENCE && !(error instanceof NotConnectedError));
}

/** @returns how many failures in a row may have been a row's, after one more: where nothing could be sent, that was none of them. */
export function failuresAfter(error: unknown, before: number): number {
  return before + (error instanceof NotConnectedError ? 0 : 1);
}

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
