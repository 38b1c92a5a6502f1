import type { KindCounts, TaskCount } from './task-view.js';
import { type ListClass, mapStatuses, STATUS_FACTS, type TaskStatus } from '../task/task-status.js';

/** Tasks that were counted by the indexes, and tasks in a sample of the table. */
export interface CountedTasks {
  /** The share of the table that was sampled, in percent. At 100 the sample is the whole table. */
  readonly percent: number;
  /** Whether the tasks of some kinds were not counted by the indexes. */
  readonly partial: boolean;
  /** At most this many tasks of a kind were counted in each class. */
  readonly caps: Readonly<Record<ListClass, number>>;
  /** A null status means that the statuses of the class were counted together. */
  readonly counted: readonly (readonly [
    group: ListClass,
    kind: number,
    status: TaskStatus | null,
    n: number,
  ])[];
  readonly sampled: readonly (readonly [kind: number, status: TaskStatus, n: number])[];
}

/** The numbers of one kind. */
interface Known {
  readonly counted: Numbers<TaskStatus>;
  readonly classes: Numbers<ListClass>;
  readonly sampled: Numbers<TaskStatus>;
}

type Numbers<Name extends string> = Partial<Record<Name, number>>;

/** The numbers of each kind: exact when its class stayed below the cap, else estimated from the sample. */
export function combineCounts(
  { percent, partial, caps, counted, sampled }: CountedTasks,
  nameOf: (kind: number) => string,
  oldestDue: ReadonlyMap<number, Date>,
): KindCounts[] {
  const whole = percent >= 100;
  const byKind = new Map<number, Known>();
  const known = (kind: number): Known => {
    const found = byKind.get(kind) ?? { counted: {}, classes: {}, sampled: {} };
    byKind.set(kind, found);
    return found;
  };
  for (const [group, kind, status, n] of counted) {
    const of = known(kind);
    addTo(of.classes, group, n);
    if (status !== null) {
      addTo(of.counted, status, n);
    }
  }
  for (const [kind, status, n] of sampled) {
    if (whole || partial || byKind.has(kind)) {
      addTo(known(kind).sampled, status, n);
    }
  }
  const countOf = (of: Known, status: TaskStatus): TaskCount => {
    const seen = of.counted[status] ?? 0;
    const inSample = of.sampled[status] ?? 0;
    if (whole) {
      return { count: inSample, approximate: false };
    }
    const { listClass } = STATUS_FACTS[status];
    const inClass = of.classes[listClass];
    const approximate = inClass === undefined ? partial && inSample > 0 : inClass >= caps[listClass];
    const count = approximate ? Math.max(seen, Math.round((inSample * 100) / percent)) : seen;
    return { count, approximate };
  };
  return [...byKind]
    .toSorted(([a], [b]) => a - b)
    .map(([kind, of]) => ({
      kind,
      name: nameOf(kind),
      statuses: mapStatuses((status) => countOf(of, status)),
      oldestDueAt: oldestDue.get(kind) ?? null,
    }));
}

/** The sums over several databases. */
export function mergeCounts(all: readonly (readonly KindCounts[])[]): KindCounts[] {
  const merged = new Map<number, KindCounts>();
  for (const counts of all.flat()) {
    const other = merged.get(counts.kind);
    merged.set(counts.kind, other ? { ...other, ...sumCounts([other, counts]) } : counts);
  }
  return [...merged.values()].toSorted((a, b) => a.kind - b.kind);
}

/** The sums over all kinds: zeros where there is no kind. */
export function sumCounts(counts: readonly KindCounts[]): Pick<KindCounts, 'statuses' | 'oldestDueAt'> {
  // There may be more kinds than a call can have arguments.
  const since = counts.reduce(
    (oldest, { oldestDueAt }) => Math.min(oldest, oldestDueAt?.getTime() ?? oldest),
    Number.POSITIVE_INFINITY,
  );
  return {
    statuses: mapStatuses((status) => ({
      count: counts.reduce((sum, { statuses }) => sum + statuses[status].count, 0),
      approximate: counts.some(({ statuses }) => statuses[status].approximate),
    })),
    oldestDueAt: Number.isFinite(since) ? new Date(since) : null,
  };
}

function addTo<Name extends string>(sums: Numbers<Name>, name: Name, n: number): void {
  sums[name] = (sums[name] ?? 0) + n;
}
