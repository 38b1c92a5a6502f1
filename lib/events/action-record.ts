import type { TaskStatus } from '../task/task-status.js';

/** Where an operator has acted. */
export type ActionSource = 'dashboard' | 'cli' | 'admin';

export type OperatorAction = 'retry' | 'cancel' | 'delete' | 'runNow' | 'pause' | 'resume';

/** Which tasks an action was for, as plain JSON: the fields of the filter that were given. */
export interface ActionFilter {
  readonly id?: readonly string[];
  readonly shard?: string;
  readonly kind?: readonly number[];
  readonly status?: readonly TaskStatus[];
  readonly externalKey?: string;
  readonly text?: string;
  /** ISO 8601. */
  readonly createdFrom?: string;
  /** ISO 8601. */
  readonly createdTo?: string;
}

/** An action of an operator on tasks or on a kind: who, where, on which tasks, with which result. Plain JSON, except `error`. */
export interface ActionRecord {
  readonly action: OperatorAction;
  /** The name of who has acted; null where none was given. */
  readonly by: string | null;
  readonly via: ActionSource;
  /** The tasks that were meant; of `pause` and `resume` the kind alone. */
  readonly filter: ActionFilter;
  /** At most so many tasks were to be changed; null for `pause` and `resume`. */
  readonly limit: number | null;
  /** The attempts that `retry` was to give each task; null: as many as it had. */
  readonly attempts: number | null;
  /** How many tasks were changed; of `pause` and `resume` 1, or 0 when the kind was so already. */
  readonly count: number;
  /** The same by kind. */
  readonly kinds: readonly { readonly kind: number; readonly name: string; readonly count: number }[];
  /** The limit was reached: there may be more tasks that the filter means. */
  readonly more: boolean;
  /** Why the action ended early; what it had changed until then stays. */
  readonly error?: unknown;
}

/** Further ids are only counted. */
const NAMED_IDS = 20;

/** The record as one line for a log. Of the text that a filter searches for it has only the length, since that is a part of payloads. */
export function describeAction(record: ActionRecord): string {
  const { action, by, via, count, kinds, limit, more, attempts } = record;
  const isPause = action === 'pause' || action === 'resume';
  const changed = isPause
    ? `${kinds[0]?.name}${count === 0 ? ' (it was so already)' : ''}`
    : `changed ${count} ${count === 1 ? 'task' : 'tasks'}${more ? ', limit reached' : ''}`;
  const details = [
    ...describeFilter(record.filter),
    ...(limit === null ? [] : [`limit ${limit}`]),
    ...(attempts === null ? [] : [`attempts ${attempts}`]),
  ];
  return `${action} by ${by ?? 'nobody named'} (${via}): ${changed}; ${details.join(', ')}`;
}

function describeFilter({ id, kind, status, text, ...others }: ActionFilter): string[] {
  const more = (id?.length ?? 0) - NAMED_IDS;
  return [
    ...(id ? [`id ${id.slice(0, NAMED_IDS).join(' ')}${more > 0 ? ` and ${more} more` : ''}`] : []),
    ...(kind ? [`kind ${kind.join(' ')}`] : []),
    ...(status ? [`status ${status.join(' ')}`] : []),
    ...Object.entries(others).map(([name, value]) => `${name} ${value}`),
    ...(text === undefined ? [] : [`text of ${text.length} characters`]),
  ];
}
