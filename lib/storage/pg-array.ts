/** A PostgreSQL array of integers, written directly: cheaper than what pg does for arrays of anything. */
export function intArray<T>(items: readonly T[], value: (item: T) => number): string {
  let text = '{';
  for (let index = 0; index < items.length; index++) {
    text += index === 0 ? value(items[index]!) : `,${value(items[index]!)}`;
  }
  return `${text}}`;
}
