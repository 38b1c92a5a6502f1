/** A PostgreSQL array of integers, written directly: cheaper than what pg does for arrays of anything. */
export function intArray<T>(items: readonly T[], value: (item: T) => number | 'NULL'): string {
  return `{${items.map(value).join()}}`;
}
