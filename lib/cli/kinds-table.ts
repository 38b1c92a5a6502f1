import { STATUSES } from '../task/task-status.js';
import type { KindCounts, KindView, TaskCount } from '../inspect/task-view.js';
import { duration, table } from './output.js';

/** The kinds that have tasks, live workers or a pause, in the order of their numbers. */
export function kindsTable(counts: readonly KindCounts[], kinds: readonly KindView[], now: Date): string {
  const numbers = new Set([...counts, ...kinds].map(({ kind }) => kind));
  if (numbers.size === 0) {
    return 'no tasks, and no kinds that a live process handles\n';
  }
  const rows = [...numbers]
    .toSorted((a, b) => a - b)
    .map((kind) => {
      const counted = counts.find((other) => other.kind === kind);
      const view = kinds.find((other) => other.kind === kind);
      const oldest = counted?.oldestDueAt;
      return [
        String(kind),
        (counted ?? view)!.name,
        ...STATUSES.map((status) => numberOf(counted?.statuses[status])),
        oldest ? duration(Math.max(0, now.getTime() - oldest.getTime())) : '-',
        view ? `${view.slots.busy}/${view.slots.capacity}` : '-',
        stateOf(view),
      ];
    });
  return table([['kind', 'name', ...STATUSES, 'oldest due', 'slots', ''], ...rows]);
}

function stateOf(view: KindView | undefined): string {
  if (view?.pausedAt) {
    const but = view.unpausedIn.length > 0 ? `, but not in ${view.unpausedIn.join(', ')}` : '';
    return `paused since ${view.pausedAt.toISOString()}${but}`;
  }
  return view?.processes ? '' : 'no live worker';
}

function numberOf(counted: TaskCount | undefined): string {
  return counted ? `${counted.approximate ? '~' : ''}${counted.count}` : '0';
}
