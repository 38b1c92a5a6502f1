import type { ActivityPoint, KindActivity } from '../inspect/activity.js';
import type { FiguresOfShard, QueueFigures } from '../cluster/admin/queue-overview.js';
import { sumCounts } from '../inspect/task-counts.js';
import type { KindCounts, KindView } from '../inspect/task-view.js';
import { mapStatuses } from '../task/task-status.js';
import type { Overview, OverviewKind, OverviewShard } from './dashboard-api.js';
import { missingShard } from './missing-shards.js';
import { isAmong, type KindSet } from './visitor.js';

/** The most kinds that a page can show and an event should carry. */
const MOST_KINDS = 300;
const MANY_TASKS = 1_000_000_000;

/** The overview of the kinds that a visitor may see, and of all shards. Of many kinds, those that most need attention are in it. */
export function overviewOf(figures: QueueFigures, visible: KindSet): Overview {
  const isVisible = ({ kind }: { readonly kind: number }) => isAmong(visible, kind);
  const { workers } = figures;
  const shards = figures.shards.map((shard) => ({ ...shard, counts: shard.counts.filter(isVisible) }));
  const counts = figures.counts.filter(isVisible);
  const activity = figures.activity.filter(isVisible);
  const [counted, active] = [byKind(counts), byKind(activity)];
  const viewed = byKind(figures.kinds.filter(isVisible));
  const numbers = [...new Set([...counted.keys(), ...viewed.keys()])].toSorted((a, b) => a - b);
  const need = (kind: number) => needOf(counted.get(kind), viewed.get(kind), active.get(kind));
  const shown = numbers.length > MOST_KINDS ? mostNeeded(numbers, need) : numbers;
  const lost = workers.filter((worker) => worker.lost).length;
  const slots = [...viewed.values()].map((view) => view.slots);
  return {
    at: clockOf(shards),
    kinds: shown.map((kind) => ({
      ...countsOf(counted.get(kind)),
      ...viewOf(viewed.get(kind)),
      ...activityOf(active.get(kind)),
      kind,
      name: (viewed.get(kind) ?? counted.get(kind))!.name,
    })),
    moreKinds: numbers.length - shown.length,
    totals: {
      statuses: sumCounts(counts)?.statuses ?? NO_TASKS,
      busy: slots.reduce((sum, { busy }) => sum + busy, 0),
      capacity: slots.reduce((sum, { capacity }) => sum + capacity, 0),
    },
    throughput: visible === null ? figures.throughput : sumOfPoints(figures.throughput, activity),
    workers: { live: workers.length - lost, lost },
    shards: shards.map(shardOf),
  };
}

/** The kinds whose need is greatest, in the order of their numbers. */
function mostNeeded(kinds: readonly number[], need: (kind: number) => number): number[] {
  const needs = Float64Array.from(kinds, need);
  const least = needs.toSorted().at(-MOST_KINDS)!;
  let leastLeft = MOST_KINDS - needs.reduce((above, one) => above + Number(one > least), 0);
  return kinds.filter((_, index) => needs[index]! > least || (needs[index] === least && leastLeft-- > 0));
}

/** How much a kind needs attention: exhausted or stuck tasks count most, then use, then the number of tasks. */
function needOf(
  counts: KindCounts | undefined,
  view: KindView | undefined,
  activity: KindActivity | undefined,
): number {
  const {
    new: fresh,
    must_retry: again,
    processing,
    no_attempts_left: exhausted,
  } = counts?.statuses ?? NO_TASKS;
  const isStuck = fresh.count + again.count + processing.count > 0 && !view?.processes;
  const failed = activity?.points.reduce((sum, point) => sum + point.failed, 0) ?? 0;
  const marks = [
    exhausted.count > 0,
    isStuck,
    view?.pausedAt,
    failed > 0,
    counts?.oldestDueAt,
    activity,
    view,
  ];
  const rank = marks.reduce<number>((sum, mark) => sum * 2 + Number(Boolean(mark)), 0);
  const waiting = fresh.count + again.count + exhausted.count;
  return rank + Math.min(waiting, MANY_TASKS) / (MANY_TASKS + 1);
}

function sumOfPoints(minutes: readonly ActivityPoint[], activity: readonly KindActivity[]): ActivityPoint[] {
  return minutes.map(({ at }, index) => {
    const points = activity.map(({ points: ofKind }) => ofKind[index]!);
    const sum = (of: 'succeeded' | 'failed' | 'exhausted') => points.reduce((n, point) => n + point[of], 0);
    return { at, succeeded: sum('succeeded'), failed: sum('failed'), exhausted: sum('exhausted') };
  });
}

/** The clock of the first shard that is not missing: the times of tasks are by the clocks of the databases. */
function clockOf(shards: readonly FiguresOfShard[]): Date {
  return shards.find(({ now }) => now !== null)!.now!;
}

const NO_TASKS: OverviewKind['statuses'] = mapStatuses(() => ({ count: 0, approximate: false }));

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

/** A kind without activity has no minutes. */
function activityOf(activity: KindActivity | undefined): Pick<OverviewKind, 'points' | 'wait' | 'run'> {
  return {
    points: activity?.points ?? [],
    wait: activity?.wait ?? null,
    run: activity?.run ?? null,
  };
}

function byKind<T extends { readonly kind: number }>(items: readonly T[]): Map<number, T> {
  return new Map(items.map((item) => [item.kind, item]));
}
