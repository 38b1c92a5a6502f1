/** The result of work that was done in parts. */
export interface Isolated<Item, Result> {
  readonly results: readonly Result[];
  /** The items for which the work fails, with their errors. */
  readonly refused: readonly { readonly item: Item; readonly error: unknown }[];
  /** Too many fail: these were not tried one by one, and nothing was done for them. */
  readonly untried: readonly Item[];
}

/** So many statements find a dozen bad items among thousands. */
const MOST_STATEMENTS = 200;
/** Where the first so many statements all fail, all items are taken for bad. */
const MOST_FAILURES_AT_FIRST = 30;

/**
 * Finds the items for which a statement fails, by halving: about twice the logarithm of their number for each, whatever the error
 * says. The others are done. Whether it is the items or the server that fails shows in what succeeds for no items.
 * @param work does nothing for no items; may be tried again after any failure
 * @param isAboutItem whether an error can be no one else's
 * @throws what the work throws for no items
 */
export async function isolate<Item, Result>(
  items: readonly Item[],
  work: (part: readonly Item[]) => Promise<Result>,
  isAboutItem: (error: unknown) => boolean,
): Promise<Isolated<Item, Result>> {
  await work([]);
  const results: Result[] = [];
  const refused: { item: Item; error: unknown }[] = [];
  const parts = items.length > 1 ? halvesOf(items) : [items];
  let failures = 0;
  for (let statements = 0; parts.length > 0 && statements < MOST_STATEMENTS; statements++) {
    if (results.length === 0 && failures >= MOST_FAILURES_AT_FIRST) {
      break;
    }
    const part = parts.pop()!;
    try {
      results.push(await work(part));
    } catch (error) {
      failures++;
      if (!isAboutItem(error)) {
        await work([]);
      }
      if (part.length > 1) {
        parts.push(...halvesOf(part));
      } else {
        refused.push({ item: part[0]!, error });
      }
    }
  }
  return { results, refused, untried: parts.flat() };
}

function halvesOf<Item>(items: readonly Item[]): (readonly Item[])[] {
  const middle = Math.ceil(items.length / 2);
  return [items.slice(0, middle), items.slice(middle)];
}
