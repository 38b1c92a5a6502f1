import type { PageOptions, TaskFilter } from '../inspect/task-filter.js';
import { check, isObject } from '../errors/check.js';
import type { TaskStatus } from '../task/task-status.js';
import type { FilterQuery } from './dashboard-api.js';

type Reader = (text: string, name: string) => TaskFilter[keyof TaskFilter];

const listOf = (text: string) => text.split(',');

/** Reads each field of a filter from its text; `QueueAdmin` checks the values. */
const FILTER: Record<keyof FilterQuery, Reader> = {
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
  const { limit, after, ...filter } = Object.fromEntries(query);
  for (const name of query.keys()) {
    const values = query.getAll(name);
    check(values.length === 1, name, values.join(' '), 'must be given once');
  }
  return {
    filter: readFilter(filter),
    page: { limit: limit === undefined ? undefined : readInteger(limit, 'limit'), after },
  };
}

/** @throws InvalidOptionError for an unknown field, and for a value that is no string */
export function readFilter(fields: unknown): TaskFilter {
  check(isObject(fields), 'filter', fields, 'must be an object');
  const read = Object.entries(fields).map(([name, text]: [string, unknown]) => {
    check(Object.hasOwn(FILTER, name), name, text, 'is not a filter of tasks');
    check(typeof text === 'string', name, text, 'must be a string');
    return [name, FILTER[name as keyof typeof FILTER](text, name)];
  });
  return Object.fromEntries(read) as TaskFilter;
}

/** @throws InvalidOptionError for a text that is no integer, such as '1e3', '' and ' 7' */
export function readInteger(text: string, name: string): number {
  check(/^-?\d{1,9}$/.test(text), name, text, 'must be an integer');
  return Number(text);
}

function timeOf(text: string, name: string): Date {
  const time = new Date(text);
  const fits = /^\d{4}-\d\d-\d\d/.test(text) && !Number.isNaN(time.getTime());
  check(fits, name, text, 'must be an ISO 8601 time');
  return time;
}
