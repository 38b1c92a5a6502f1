import type { PageOptions, TaskFilter } from '../inspect/task-filter.js';
import { InvalidOptionError } from '../errors/pg-queue.errors.js';
import type { TaskStatus } from '../task/task-status.js';
import type { TaskQuery } from './dashboard-api.js';

const listOf = (text: string) => text.split(',');

/** Reads each field of a filter from its text; `QueueAdmin` checks the values. */
const FILTER: Record<
  Exclude<keyof TaskQuery, 'limit' | 'after'>,
  (text: string, name: string) => TaskFilter[keyof TaskFilter]
> = {
  kind: readInteger,
  shard: (text) => text,
  status: (text) => listOf(text) as TaskStatus[],
  id: listOf,
  externalKey: (text) => text,
  text: (text) => text,
  createdFrom: timeOf,
  createdTo: timeOf,
};

/**
 * The filter and the page of a list's URL.
 * @throws InvalidOptionError for an unknown field, and for one that is given twice
 */
export function readTaskQuery(query: URLSearchParams): { filter: TaskFilter; page: PageOptions } {
  const fields = Object.fromEntries(query);
  const twice = Object.keys(fields).find((name) => query.getAll(name).length > 1);
  if (twice !== undefined) {
    throw new InvalidOptionError(twice, query.getAll(twice).join(' '), 'must be given once');
  }
  const { limit, after, ...filter } = fields;
  return {
    filter: readFilter(filter),
    page: { ...(limit === undefined ? {} : { limit: readInteger(limit, 'limit') }), after },
  };
}

/** @throws InvalidOptionError for an unknown field, and for a value that is no string */
export function readFilter(fields: unknown): TaskFilter {
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) {
    throw new InvalidOptionError('filter', fields, 'must be an object');
  }
  const read = Object.entries(fields).map(([name, text]: [string, unknown]) => {
    if (!Object.hasOwn(FILTER, name)) {
      throw new InvalidOptionError(name, text, 'is not a filter of tasks');
    }
    if (typeof text !== 'string') {
      throw new InvalidOptionError(name, text, 'must be a string');
    }
    return [name, FILTER[name as keyof typeof FILTER](text, name)];
  });
  return Object.fromEntries(read) as TaskFilter;
}

/** @throws InvalidOptionError for a text that is no integer, such as '1e3', '' and ' 7' */
export function readInteger(text: string, name: string): number {
  if (!/^-?\d{1,9}$/.test(text)) {
    throw new InvalidOptionError(name, text, 'must be an integer');
  }
  return Number(text);
}

function timeOf(text: string, name: string): Date {
  const time = new Date(text);
  if (!/^\d{4}-\d\d-\d\d/.test(text) || Number.isNaN(time.getTime())) {
    throw new InvalidOptionError(name, text, 'must be an ISO 8601 time');
  }
  return time;
}
