import type { ClaimedTask } from '../task/claim.js';
import type { CarriedFields, TaskDraft } from '../task/task-draft.js';
import { shownKey } from './ascii.js';
import { intArray } from './pg-array.js';

/**
 * The columns of a task from its push to its claim. A column that a task only carries, from whoever pushes it to its attempts, is added
 * in three files: its field in `CarriedFields`, its line in `CARRIED` and in the functions below, and a migration. All statements that
 * push or claim tasks are made of these lists. The functions are written out, since each task of a push or a claim passes through them; a
 * test compares them with the lists.
 */
export interface PushedColumn {
  /** Its name in the table. */
  readonly column: string;
  /** Its name among the parameters of a push. */
  readonly parameter: string;
  /** Texts that are null or empty are stored as null. */
  readonly type: 'smallint' | 'bigint' | 'text';
  readonly valueOf: (draft: TaskDraft) => number | string | null;
}

/** What a column stores that a task only carries: the queue itself never reads it. */
interface CarriedColumn extends PushedColumn {
  readonly column: keyof CarriedFields;
  readonly type: 'text';
}

/** In the order of `ClaimedRow`. */
export const CARRIED: readonly CarriedColumn[] = [
  { column: 'trace', parameter: 'trace', type: 'text', valueOf: ({ trace }) => trace },
];

const pushed = (
  column: string,
  type: PushedColumn['type'],
  valueOf: PushedColumn['valueOf'],
  parameter = column,
): PushedColumn => ({ column, type, valueOf, parameter });

const KIND = pushed('kind', 'smallint', ({ kind }) => kind);
const PRIORITY = pushed('priority', 'smallint', ({ priority }) => priority);
export const ATTEMPTS = pushed('attempts_left', 'smallint', ({ attempts }) => attempts, 'attempts');
const KEY = pushed('external_key', 'text', ({ externalKey }) => externalKey, 'key');
/** In ms; the database adds it to its clock. */
export const DELAY = pushed('run_at', 'bigint', ({ delayMs }) => delayMs, 'delay');

/** The parameters of a push of any tasks, which follow the payloads. */
export const PUSHED = [KIND, PRIORITY, ATTEMPTS, KEY, DELAY, ...CARRIED];

/** The parameters of a push of tasks that have no keys and differ in nothing but their payloads, which they follow. */
export const SHARED = [KIND, PRIORITY, ATTEMPTS, DELAY, ...CARRIED];

/** What a push stores besides payload and due time, in the order of its INSERT. */
export const STORED = [KIND, PRIORITY, ATTEMPTS, KEY, ...CARRIED];

/** The values of SHARED. */
export function sharedOf({ kind, priority, attempts, delayMs, trace }: TaskDraft): unknown[] {
  return [kind, priority, attempts, delayMs, trace];
}

/** Whether two tasks have the same values of SHARED. */
export function areAlike(a: TaskDraft, b: TaskDraft): boolean {
  return (
    a.kind === b.kind &&
    a.priority === b.priority &&
    a.attempts === b.attempts &&
    a.delayMs === b.delayMs &&
    a.trace === b.trace
  );
}

/** A parameter of several tasks: an array, or null where none has such a text. */
export function parameterOf({ type, valueOf }: PushedColumn, drafts: readonly TaskDraft[]): unknown {
  if (type !== 'text') {
    return intArray(drafts, valueOf as (draft: TaskDraft) => number);
  }
  return drafts.some((draft) => valueOf(draft) !== null) ? drafts.map((draft) => valueOf(draft) ?? '') : null;
}

/** A task as the claim statement builds it, by position: the columns of `CLAIMED`, the payload, and its size where sizes matter. */
export type ClaimedRow = [
  id: number,
  kind: number,
  priority: number,
  runAt: number,
  left: number,
  elapsed: number,
  key: string | null,
  trace: string | null,
  payload: unknown,
  bytes?: number,
];

/** What a claim returns of a task besides the payload, in the order of `ClaimedRow`. */
export const CLAIMED: readonly string[] = [
  'id',
  'kind',
  'priority',
  'run_at',
  'attempts_left',
  'attempts_elapsed',
  'external_key',
  ...CARRIED.map(({ column }) => column),
];

/** The task of a row, read by index: to destructure an array is to iterate over it. */
export function toTask(row: ClaimedRow): ClaimedTask {
  const left = row[4];
  return {
    id: row[0],
    kind: row[1],
    priority: row[2],
    runAt: row[3],
    attemptsLeft: left,
    // A last attempt is counted when it begins.
    attempt: left === 0 ? row[5] + 1 : row[5],
    externalKey: shownKey(row[6]),
    trace: row[7],
    payload: row[8],
  };
}

export function toSizedTask(row: ClaimedRow): ClaimedTask {
  return { ...toTask(row), bytes: row[9] };
}
