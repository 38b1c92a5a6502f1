import type { KindCounts, TaskCount } from './task-view.js';
import { classesOf, type ListClass, SHOWN_STATUSES } from './task-filter.js';
import type { TaskStatus } from './task-status.js';

/** What was counted by the indexes, and what a sample of the table holds. */
export interface CountedTasks {
  /** The share of the table that was sampled. At 100 the sample is all there is. */
  readonly percent: number;
  /** No more than this was counted of one kind's tasks of each class. */
  readonly caps: Readonly<Record<ListClass, number>>;
  /** Without a status: of its class, not told apart. */
  readonly counted: readonly (readonly [
    group: ListClass,
    kind: number,
    status: TaskStatus | null,
    n: number,
  ])[];
  readonly sampled: readonly (readonly [kind: number, status: TaskStatus, n: number])[];
}

/** The numbers of each kind: exact where its class stayed below the cap, estimated where it did not. */
export function combineCounts(
  answer: CountedTasks,
  nameOf: (kind: number) => string,
  oldestDue: ReadonlyMap<number, Date>,
): KindCounts[] {
  const { percent, caps } = answer;
  const whole = percent >= 100;
  const counted = sums(answer.counted.map(([, kind, status, n]) => [`${kind}:${status}`, n]));
  const classes = sums(answer.counted.map(([group, kind, , n]) => [`${kind}:${group}`, n]));
  const sampled = sums(answer.sampled.map(([kind, status, n]) => [`${kind}:${status}`, n]));
  const countOf = (kind: number, status: TaskStatus): TaskCount => {
    const seen = counted.get(`${kind}:${status}`) ?? 0;
    const inSample = sampled.get(`${kind}:${status}`) ?? 0;
    if (whole) {
      return { count: inSample, approximate: false };
    }
    const [listClass] = classesOf([status]);
    const approximate = (classes.get(`${kind}:${listClass}`) ?? 0) >= caps[listClass!];
    const count = approximate ? Math.max(seen, Math.round((inSample * 100) / percent)) : seen;
    return { count, approximate };
  };
  const kinds = new Set([
    ...answer.counted.map(([, kind]) => kind),
    ...(whole ? answer.sampled.map(([kind]) => kind) : []),
  ]);
  return [...kinds]
    .toSorted((a, b) => a - b)
    .map((kind) => ({
      kind,
      name: nameOf(kind),
      statuses: Object.fromEntries(
        SHOWN_STATUSES.map((status) => [status, countOf(kind, status)]),
      ) as KindCounts['statuses'],
      oldestDueAt: oldestDue.get(kind) ?? null,
    }));
}

/** What several shards have of each kind, together. */
export function mergeCounts(all: readonly (readonly KindCounts[])[]): KindCounts[] {
  const merged = new Map<number, KindCounts>();
  for (const counts of all.flat()) {
    const other = merged.get(counts.kind);
    merged.set(counts.kind, other ? add(other, counts) : counts);
  }
  return [...merged.values()].toSorted((a, b) => a.kind - b.kind);
}

/** The tasks of all kinds; undefined where there are none. */
export function sumCounts(
  counts: readonly KindCounts[],
): Pick<KindCounts, 'statuses' | 'oldestDueAt'> | undefined {
  return counts.length === 0 ? undefined : counts.reduce(add);
}

function add(a: KindCounts, b: KindCounts): KindCounts {
  const sum = (status: TaskStatus): TaskCount => ({
    count: a.statuses[status].count + b.statuses[status].count,
    approximate: a.statuses[status].approximate || b.statuses[status].approximate,
  });
  const since = [a, b].flatMap(({ oldestDueAt }) => oldestDueAt ?? []);
  return {
    ...a,
    statuses: Object.fromEntries(
      SHOWN_STATUSES.map((status) => [status, sum(status)]),
    ) as KindCounts['statuses'],
    oldestDueAt: since.length === 0 ? null : new Date(Math.min(...since.map((at) => at.getTime()))),
  };
}

function sums(entries: readonly (readonly [string, number])[]): Map<string, number> {
  const result = new Map<string, number>();
  for (const [key, n] of entries) {
    result.set(key, (result.get(key) ?? 0) + n);
  }
  return result;
}
