const SEPARATOR = '/';

/** The largest id that a `bigint` of PostgreSQL holds. */
const MAX_ID = 2n ** 63n - 1n;

/** The parts of a task's id: its digits, and the prefix that names its database in a queue of several. */
export interface SplitTaskId {
  /** Undefined where the id has no prefix. */
  readonly prefix: string | undefined;
  /** The id in its database. */
  readonly id: string;
}

export function splitTaskId(id: string): SplitTaskId {
  const end = id.lastIndexOf(SEPARATOR);
  return end < 0 ? { prefix: undefined, id } : { prefix: id.slice(0, end), id: id.slice(end + 1) };
}

/** The prefix of the ids of tasks in the database of this name. */
export function prefixOf(name: string): string {
  return `${name}${SEPARATOR}`;
}

/** Whether a text can be the id of a task in its database. */
export function isOwnId(id: string): boolean {
  return /^-?\d{1,19}$/.test(id) && BigInt(id) <= MAX_ID && BigInt(id) >= -MAX_ID;
}
