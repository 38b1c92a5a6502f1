import type { ActivityPoint, KindActivity } from '../inspect/activity.js';
import type { FiguresOfShard, QueueFigures } from '../cluster/admin/queue-overview.js';
import { sumCounts } from '../inspect/task-counts.js';
import type { KindCounts, KindView } from '../inspect/task-view.js';
import type { Overview, OverviewShard } from './dashboard-api.js';
import { errorResponseOf } from './error-response.js';
import { isAmong, type KindSet } from './visitor.js';

/** The most kinds that a page can show and an event should carry. */
const MOST_KINDS = 300;
const MANY_TASKS = 1_000_000_000;

const NO_COUNTS = sumCounts([]);
/** A kind without activity has no minutes. */
const NO_ACTIVITY = { points: [], wait: null, run: null };
const NO_VIEW = {
  pausedAt: null,
  unpausedIn: [],
  processes: 0,
  slots: { capacity: 0, busy: 0, fullSince: null },
  settings: null,
};

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
      ...(counted.get(kind) ?? NO_COUNTS),
      ...(active.get(kind) ?? NO_ACTIVITY),
      ...(viewed.get(kind) ?? NO_VIEW),
      kind,
      name: (viewed.get(kind) ?? counted.get(kind))!.name,
    })),
    moreKinds: numbers.length - shown.length,
    totals: {
      statuses: sumCounts(counts).statuses,
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

/** The errors of the shards that are missing in the figures, by their names. */
export function failuresOf({ shards }: QueueFigures): (readonly [name: string, error: unknown])[] {
  return shards.flatMap(({ name, failure }) => (failure === undefined ? [] : [[name, failure] as const]));
}

/** How much a kind needs attention: exhausted or stuck tasks count most, then use, then the number of tasks. */
function needOf(
  counts: KindCounts | undefined,
  view: KindView | undefined,
  activity: KindActivity | undefined,
): number {
  const { statuses, oldestDueAt } = counts ?? NO_COUNTS;
  const toRun = statuses.new.count + statuses.must_retry.count;
  const exhausted = statuses.no_attempts_left.count;
  const isStuck = toRun + statuses.processing.count > 0 && !view?.processes;
  const failed = activity?.points.reduce((sum, point) => sum + point.failed, 0) ?? 0;
  const marks = [exhausted > 0, isStuck, view?.pausedAt, failed > 0, oldestDueAt, activity, view];
  const rank = marks.reduce<number>((sum, mark) => sum * 2 + Number(Boolean(mark)), 0);
  return rank + Math.min(toRun + exhausted, MANY_TASKS) / (MANY_TASKS + 1);
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

function shardOf({ name, draining, ageMs, failure, counts }: FiguresOfShard): OverviewShard {
  const problem = failure === undefined ? null : errorResponseOf(failure).body.message;
  return { name, draining, ageMs, problem, ...sumCounts(counts) };
}

function byKind<T extends { readonly kind: number }>(items: readonly T[]): Map<number, T> {
  return new Map(items.map((item) => [item.kind, item]));
}
