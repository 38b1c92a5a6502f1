import type { KindActivity } from '../task/activity.js';
import type { FiguresOfShard, QueueFigures } from '../admin/queue-overview.js';
import { sumCounts } from '../task/task-counts.js';
import type { KindCounts, KindView, TaskCount } from '../task/task-view.js';
import { SHOWN_STATUSES } from '../task/task-filter.js';
import type { Overview, OverviewKind, OverviewShard } from './dashboard-api.js';
import { missingShard } from './partly.js';

const MINUTE_MS = 60_000;

/** All kinds with what is known of each, and all shards. */
export function overviewOf({ counts, kinds, activity, workers, shards }: QueueFigures): Overview {
  const at = clockOf(shards);
  const [counted, viewed, active] = [byKind(counts), byKind(kinds), byKind(activity)];
  const numbers = [...new Set([...counted.keys(), ...viewed.keys()])].toSorted((a, b) => a - b);
  const minutes = activity[0]?.points.map((point) => point.at) ?? lastHour(at);
  const lost = workers.filter((worker) => worker.lost).length;
  return {
    at,
    kinds: numbers.map((kind) => ({
      ...countsOf(counted.get(kind)),
      ...viewOf(viewed.get(kind)),
      ...activityOf(active.get(kind), minutes),
      kind,
      name: (viewed.get(kind) ?? counted.get(kind))!.name,
    })),
    workers: { live: workers.length - lost, lost },
    shards: shards.map(shardOf),
  };
}

/** The times of tasks are by the clocks of databases; of several, the first is as good as any. */
function clockOf(shards: readonly FiguresOfShard[]): Date {
  return shards.find(({ now }) => now !== null)!.now!;
}

const NO_TASKS = Object.fromEntries(
  SHOWN_STATUSES.map((status): [string, TaskCount] => [status, { count: 0, approximate: false }]),
) as OverviewKind['statuses'];

function shardOf({ name, draining, ageMs, failure, counts }: FiguresOfShard): OverviewShard {
  const all = sumCounts(counts);
  return {
    name,
    draining,
    ageMs,
    problem: failure === undefined ? null : missingShard(name, failure).message,
    statuses: all?.statuses ?? NO_TASKS,
    oldestDueAt: all?.oldestDueAt ?? null,
  };
}

function countsOf(counts: KindCounts | undefined): Pick<OverviewKind, 'statuses' | 'oldestDueAt'> {
  return { statuses: counts?.statuses ?? NO_TASKS, oldestDueAt: counts?.oldestDueAt ?? null };
}

function viewOf(
  view: KindView | undefined,
): Pick<OverviewKind, 'pausedAt' | 'unpausedIn' | 'processes' | 'slots' | 'settings'> {
  return {
    pausedAt: view?.pausedAt ?? null,
    unpausedIn: view?.unpausedIn ?? [],
    processes: view?.processes ?? 0,
    slots: view?.slots ?? { capacity: 0, busy: 0, fullSince: null },
    settings: view?.settings ?? null,
  };
}

function activityOf(
  activity: KindActivity | undefined,
  minutes: readonly Date[],
): Pick<OverviewKind, 'points' | 'wait' | 'run'> {
  return {
    points: activity?.points ?? minutes.map((at) => ({ at, succeeded: 0, failed: 0, exhausted: 0 })),
    wait: activity?.wait ?? null,
    run: activity?.run ?? null,
  };
}

function lastHour(at: Date): Date[] {
  const last = Math.floor(at.getTime() / MINUTE_MS);
  return Array.from({ length: 60 }, (_, n) => new Date((last - 59 + n) * MINUTE_MS));
}

function byKind<T extends { readonly kind: number }>(items: readonly T[]): Map<number, T> {
  return new Map(items.map((item) => [item.kind, item]));
}
