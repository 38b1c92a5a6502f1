import type { DashboardAction, TaskQuery } from '../../../lib/dashboard/dashboard-api.js';
import type { ActionDone, LoadedKind } from '../api.js';
import { asSentence, plural } from '../format.js';
import { OPEN_STATUSES, STATUSES, type TaskStatus } from '../statuses.js';
import { statusesOf } from './task-query.js';

interface ActionSpec {
  readonly name: string;
  /** The statuses of the tasks that it changes; the server leaves other tasks alone. */
  readonly applies: readonly TaskStatus[];
  readonly effect: string;
  /** "3 tasks were …" */
  readonly done: string;
  readonly danger: boolean;
}

export const ACTIONS: Record<DashboardAction, ActionSpec> = {
  retry: {
    name: 'Retry',
    applies: ['no_attempts_left'],
    effect: 'Tasks without attempts left get as many as they had, and are due now.',
    done: 'given new attempts',
    danger: false,
  },
  runNow: {
    name: 'Run now',
    applies: ['new', 'must_retry'],
    effect: 'Tasks that are due later are due now.',
    done: 'made due now',
    danger: false,
  },
  cancel: {
    name: 'Cancel',
    applies: OPEN_STATUSES,
    effect: 'Tasks that are not finished will not run any more; a running attempt is aborted.',
    done: 'cancelled',
    danger: true,
  },
  delete: {
    name: 'Delete',
    applies: STATUSES.filter((status) => status !== 'processing'),
    effect: 'Tasks are gone for good, and their keys are free again. Running ones are left alone.',
    done: 'deleted',
    danger: true,
  },
};

/** The order of the buttons: actions that cannot be undone come last. */
export const ACTION_ORDER = Object.keys(ACTIONS) as DashboardAction[];

/** Whether an action can change a task of any of these statuses. */
export function appliesTo(action: DashboardAction, statuses: readonly string[]): boolean {
  return ACTIONS[action].applies.some((status) => statuses.includes(status));
}

/** How many tasks an action may change. It is known for a filter that names only a kind and statuses, else null. */
export function countMeant(
  action: DashboardAction,
  filter: TaskQuery,
  kinds: readonly LoadedKind[],
): { count: number; approximate: boolean } | null {
  const { kind, status, ...others } = filter;
  // Without an overview the number is unknown, which is not 0.
  if (kinds.length === 0 || Object.values(others).some(Boolean)) {
    return null;
  }
  const wanted = statusesOf(filter);
  const counts = kinds
    .filter((each) => kind === undefined || String(each.kind) === kind)
    .flatMap(({ statuses }) =>
      ACTIONS[action].applies
        .filter((each) => status === undefined || wanted.includes(each))
        .map((each) => statuses[each]),
    );
  return {
    count: counts.reduce((sum, { count }) => sum + count, 0),
    approximate: counts.some(({ approximate }) => approximate),
  };
}

/** The most tasks that are named, of those that the database refuses to change. */
const MOST_NAMED = 3;

export function resultText(
  action: DashboardAction,
  { changed, more, missing = [], refused = [] }: ActionDone,
): string {
  const without = missing
    .map(({ shard, message }) => ` Shard ${shard} failed: ${asSentence(message)}`)
    .join('');
  if (changed === 0) {
    return `Nothing was changed${without ? '.' : ': none of these tasks is in a state that this can change.'}${without}`;
  }
  const text = `${plural(changed, 'task was', 'tasks were')} ${ACTIONS[action].done}.`;
  const named = refused.slice(0, MOST_NAMED).map(({ id, error }) => ` Task ${id}: ${asSentence(error)}`);
  const refusals =
    refused.length > 0
      ? ` The database refuses ${plural(refused.length, 'other', 'others')}.${named.join('')}`
      : '';
  return `${text}${more ? ' The limit was reached: there may be more.' : ''}${refusals}${without}`;
}
