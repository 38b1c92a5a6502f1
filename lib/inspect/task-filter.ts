import type { ActionFilter } from '../events/action-record.js';
import { isOwnId, splitTaskId } from '../task/task-id.js';
import { type KindRef, kindOf } from '../task/task-definition.js';
import { check, checkText, isObject } from '../errors/check.js';
import {
  type ListClass,
  STATUS_FACTS,
  statusesOfClass,
  TASK_STATUSES,
  type TaskStatus,
} from '../task/task-status.js';

/** Which tasks are meant; every field narrows, none means all. */
export interface TaskFilter {
  /** One id, or up to 1,000. */
  id?: string | readonly string[];
  /** The name of the shard that they are in. */
  shard?: string;
  /** A definition or a number, or several, whether they are handled here or not. */
  kind?: KindRef | readonly KindRef[];
  status?: TaskStatus | readonly TaskStatus[];
  externalKey?: string;
  /** A part of the payload as JSON, whatever its case; up to 1,000 characters. */
  text?: string;
  /** Pushed at this time or later. */
  createdFrom?: Date;
  /** Pushed before this time. */
  createdTo?: Date;
}

/** A page of a list. */
export interface PageOptions {
  /** At most so many tasks, 1 to 500. Default 50. */
  limit?: number;
  /** `next` of the page before. */
  after?: string;
}

/** A filter that was checked. */
export interface CheckedFilter {
  readonly ids: readonly string[] | null;
  readonly shard: string | null;
  readonly kinds: readonly number[] | null;
  readonly statuses: readonly TaskStatus[];
  readonly externalKey: string | null;
  readonly text: string | null;
  readonly createdFrom: Date | null;
  readonly createdTo: Date | null;
}

export const SHOWN_STATUSES: readonly TaskStatus[] = [...TASK_STATUSES, 'processing'];

const MAX_IDS = 1000;
const MAX_TEXT = 1000;

const CHECKS: Record<keyof TaskFilter, (name: string, value: unknown) => void> = {
  id: (name, value) => {
    const ids = listOf(value);
    check(ids.length <= MAX_IDS, name, `${ids.length} ids`, `must be at most ${MAX_IDS} ids`);
    ids.forEach((id) => void taskIdOf(id, name));
  },
  shard: (name, value) => checkText(name, value, MAX_TEXT),
  kind: (name, value) => void kindsOf(value as KindRef | readonly KindRef[], name),
  status: (name, value) => {
    for (const status of listOf(value as TaskStatus)) {
      check(SHOWN_STATUSES.includes(status), name, status, `must be one of ${SHOWN_STATUSES.join(', ')}`);
    }
  },
  externalKey: (name, value) => checkText(name, value, MAX_TEXT),
  text: (name, value) => checkText(name, value, MAX_TEXT),
  createdFrom: assertDate,
  createdTo: assertDate,
};

/** @throws InvalidOptionError that names the field and the value. */
export function checkFilter(filter: TaskFilter): CheckedFilter {
  check(isObject(filter), 'filter', filter, 'must be an object');
  for (const [name, value] of Object.entries(filter)) {
    check(Object.hasOwn(CHECKS, name), name, value, 'is not a filter of tasks');
    if (value !== undefined) {
      CHECKS[name as keyof TaskFilter](name, value);
    }
  }
  const { id, shard = null, kind, status, externalKey = null, text = null } = filter;
  const { createdFrom = null, createdTo = null } = filter;
  return {
    ids: id === undefined ? null : listOf(id),
    shard,
    kinds: kind === undefined ? null : kindsOf(kind),
    statuses: status === undefined ? SHOWN_STATUSES : [...new Set(listOf(status))],
    externalKey,
    text,
    createdFrom,
    createdTo,
  };
}

/** Numbers of kinds, each once. */
function kindsOf(kinds: KindRef | readonly KindRef[], field?: string): number[] {
  return [...new Set(listOf(kinds).map((kind) => kindOf(kind, field)))];
}

/**
 * Checks the filter of an action. Without this, a field that is undefined by mistake would select every task, and so would a filter of
 * all statuses, or of a database alone.
 * @throws InvalidOptionError for a filter that means all tasks of a database
 */
export function assertNarrow(filter: TaskFilter, checked: CheckedFilter): void {
  const { ids, kinds, statuses, externalKey, text, createdFrom, createdTo } = checked;
  const fields = [ids, kinds, externalKey, text, createdFrom, createdTo];
  const narrows = fields.some((field) => field !== null) || SHOWN_STATUSES.some((s) => !statuses.includes(s));
  check(narrows, 'filter', filter, 'must name the tasks to change: an id, a kind, a status …');
}

/** The filter as the record of an action shows it, without fields that do not narrow it. */
export function actionFilterOf(filter: CheckedFilter): ActionFilter {
  const { ids, shard, kinds, statuses, externalKey, text, createdFrom, createdTo } = filter;
  return {
    ...(ids && { id: ids }),
    ...(shard !== null && { shard }),
    ...(kinds && { kind: kinds }),
    ...(statuses.length < SHOWN_STATUSES.length && { status: statuses }),
    ...(externalKey !== null && { externalKey }),
    ...(text !== null && { text }),
    ...(createdFrom && { createdFrom: createdFrom.toISOString() }),
    ...(createdTo && { createdTo: createdTo.toISOString() }),
  };
}

/** The id of a task, as a text, with its prefix where it has one. @throws InvalidOptionError when it can't be one. */
export function taskIdOf(id: unknown, field = 'id'): string {
  check(
    typeof id === 'string' && isOwnId(splitTaskId(id).id),
    field,
    id,
    "must be a task's id, a string of digits",
  );
  return id;
}

/** The classes of these statuses, each once. */
export function classesOf(statuses: readonly TaskStatus[]): ListClass[] {
  return [...new Set(statuses.map((status) => STATUS_FACTS[status].listClass))];
}

/** Whether a filter of these statuses selects every task of the class. */
export function isWholeClass(statuses: readonly TaskStatus[], listClass: ListClass): boolean {
  return statusesOfClass(listClass).every((status) => statuses.includes(status));
}

function listOf<T>(value: T | readonly T[]): readonly T[] {
  return Array.isArray(value) ? (value as readonly T[]) : [value as T];
}

/** PostgreSQL's timestamps end before JavaScript's do. */
const LAST_YEAR = 9999;

function assertDate(name: string, value: unknown): void {
  const fits = value instanceof Date && Math.abs(value.getUTCFullYear()) <= LAST_YEAR;
  check(fits, name, value, 'must be a Date');
}
