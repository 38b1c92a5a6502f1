import { isolate, type Isolated } from './isolation.js';
import { isRowError, NotConnectedError } from './sql-state.js';

/** After so many failures one after the other a row is suspected, whatever the error: the server may even break down over a row. */
const PATIENCE = 3;

/** Whether a statement may have failed because of a row, after so many failures one after the other. */
export function isRowSuspected(error: unknown, failures: number): boolean {
  return isRowError(error) || (failures >= PATIENCE && !(error instanceof NotConnectedError));
}

/** @returns the number of failures that a row may have caused, after one more: a statement that could not be sent is not counted. */
export function failuresAfter(error: unknown, before: number): number {
  return before + (error instanceof NotConnectedError ? 0 : 1);
}

/** Finds the rows for which a statement fails, as `isolate` does; the others are done. @throws where it fails for no rows, too */
export function isolateRows<Item, Result>(
  items: readonly Item[],
  work: (part: readonly Item[]) => Promise<Result>,
): Promise<Isolated<Item, Result>> {
  return isolate(items, work, isRowError);
}

/** Splits items into parts of one kind each: a flaw is often the same for all of a kind. */
export function byKind<Item>(items: readonly Item[], kindOf: (item: Item) => number): Item[][] {
  const kinds = new Map<number, Item[]>();
  for (const item of items) {
    const ofKind = kinds.get(kindOf(item)) ?? [];
    kinds.set(kindOf(item), ofKind);
    ofKind.push(item);
  }
  return [...kinds.values()];
}
