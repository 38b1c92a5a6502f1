import type { TaskQuery } from '../../../lib/dashboard/dashboard-api.js';
import type { LoadedTask } from '../api.js';
import { plural } from '../format.js';
import { STATUSES } from '../statuses.js';
import { ActionButton, type ActionTarget } from './action-button.js';
import { ACTION_ORDER, appliesTo } from './task-actions.js';
import { statusesOf } from './task-query.js';

/** Actions on the selected tasks; without a selection, on all tasks that match the filter. */
export function ActionBar({
  query,
  tasks,
  selected,
  onDone,
}: {
  query: TaskQuery;
  tasks: readonly LoadedTask[];
  selected: ReadonlySet<string>;
  onDone: () => void;
}) {
  const chosen = tasks.filter(({ id }) => selected.has(id));
  const { filter, what, many, statuses } = chosen.length > 0 ? ofSelection(chosen) : ofFilter(query);
  return (
    <div class="action-bar">
      <span class="action-bar-text">
        {chosen.length > 0
          ? `${plural(chosen.length, 'task')} selected`
          : filter
            ? 'All that the filter means'
            : 'Select tasks, or set a filter, to change them'}
      </span>
      <span class="action-bar-buttons">
        {ACTION_ORDER.map((action) => (
          <ActionButton
            key={action}
            action={action}
            target={{ filter: filter ?? {}, what, many }}
            disabled={!filter || !appliesTo(action, statuses)}
            onDone={onDone}
          />
        ))}
      </span>
    </div>
  );
}

interface Meant extends Omit<ActionTarget, 'filter'> {
  readonly filter: ActionTarget['filter'] | null;
  readonly statuses: readonly string[];
}

function ofSelection(chosen: readonly LoadedTask[]): Meant {
  return {
    filter: { id: chosen.map(({ id }) => id).join(',') },
    what: chosen.length === 1 ? `task ${chosen[0]!.id}` : `${plural(chosen.length, 'selected task')}`,
    statuses: chosen.map(({ status }) => status),
  };
}

/** An empty filter, or one that only names a shard, would select all tasks: the server rejects it. */
function ofFilter(query: TaskQuery): Meant {
  const statuses = statusesOf(query);
  return {
    filter: Object.keys(query).some((field) => field !== 'shard') ? query : null,
    what: 'all tasks that the filter means',
    many: true,
    statuses: statuses.length > 0 ? statuses : STATUSES,
  };
}
