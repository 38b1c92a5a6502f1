import { mapStatuses, type TaskStatus } from '../task/task-status.js';
import type { KindCounts } from './task-view.js';

/** The queue's tables, by their names without a schema. */
export const QUEUE_TABLES = [
  'pgqueue',
  'pgqueue_lease',
  'pgqueue_registry',
  'pgqueue_pause',
  'pgqueue_activity',
  'pgqueue_snapshot',
  'pgqueue_wake',
] as const;
export type QueueTable = (typeof QUEUE_TABLES)[number];

/** The figures of the whole cluster at one moment, as one process gathers them for all. */
export interface ClusterSnapshot {
  /** The kinds that have a name: those that worker processes handle, and those of stored tasks as far as anybody has named them. */
  readonly kinds: readonly (SnapshotKind & { readonly kind: number; readonly name: string })[];
  /** All kinds without a name together. */
  readonly unknown: SnapshotKind;
  readonly workers: { readonly live: number; readonly lost: number };
  readonly deadTuples: Readonly<Record<QueueTable, number>>;
  readonly oldestTransactionMs: number;
  readonly held: HeldXmin | null;
}

export interface SnapshotKind {
  readonly tasks: Readonly<Record<TaskStatus, number>>;
  /** How long the task that waits the longest has been due; 0 when none waits. */
  readonly oldestDueMs: number;
  readonly paused: boolean;
}

/** The oldest transaction id that a standby or a replication slot holds. It has no time, so that its age counts from when it was first seen. */
export interface HeldXmin {
  readonly xmin: string;
  /** In ms since the epoch, by the database's clock. */
  readonly since: number;
}

/** How the server fares. */
export interface ServerVitals {
  /** In ms since the epoch. */
  readonly now: number;
  readonly deadTuples: ClusterSnapshot['deadTuples'];
  /** The age of the oldest transaction, prepared ones included, that keeps dead rows from being cleaned away. */
  readonly oldestTransactionMs: number;
  /** The oldest transaction id that standbys and replication slots hold. */
  readonly heldXmin: string | null;
}

/** What a snapshot is made of. */
export interface SnapshotParts {
  readonly counts: readonly KindCounts[];
  readonly paused: ReadonlySet<number>;
  readonly workers: ClusterSnapshot['workers'];
  /** The kinds of the worker processes with their names. */
  readonly handled: ReadonlyMap<number, string>;
  readonly vitals: ServerVitals;
  /** The name of a kind that this process knows. */
  readonly nameOf: (kind: number) => string | undefined;
  readonly previous: ClusterSnapshot | null;
}

const NO_TASKS = mapStatuses(() => 0);
/** The figures of a kind without tasks and without a pause. */
export const NOTHING: SnapshotKind = { tasks: NO_TASKS, oldestDueMs: 0, paused: false };

/** Keeps the name of a kind while it has tasks, so that the name does not end with the last worker process. */
export function snapshotOf(parts: SnapshotParts): ClusterSnapshot {
  const { counts, paused, workers, handled, nameOf, previous } = parts;
  const { now, deadTuples, oldestTransactionMs, heldXmin } = parts.vitals;
  const countsOf = new Map(counts.map((count) => [count.kind, count]));
  const reportedNames = new Map([
    ...(previous?.kinds ?? []).map(({ kind, name }) => [kind, name] as const),
    ...handled,
  ]);
  const known = (kind: number) => nameOf(kind) ?? reportedNames.get(kind);
  const show = (kind: number): SnapshotKind => {
    const count = countsOf.get(kind);
    return {
      tasks: count ? mapStatuses((status) => count.statuses[status].count) : NO_TASKS,
      oldestDueMs: count?.oldestDueAt ? Math.max(0, now - count.oldestDueAt.getTime()) : 0,
      paused: paused.has(kind),
    };
  };
  const all = [...new Set([...countsOf.keys(), ...paused, ...handled.keys()])].toSorted((a, b) => a - b);
  const held = heldXmin === null ? null : { xmin: heldXmin, since: now };
  const stillHeld = held && previous?.held?.xmin === held.xmin ? previous.held : held;
  return {
    kinds: all.flatMap((kind) => {
      const name = known(kind);
      return name === undefined ? [] : [{ kind, name, ...show(kind) }];
    }),
    unknown: all
      .filter((kind) => known(kind) === undefined)
      .map(show)
      .reduce(addKinds, NOTHING),
    workers,
    deadTuples,
    oldestTransactionMs: Math.max(oldestTransactionMs, stillHeld ? now - stillHeld.since : 0),
    held: stillHeld,
  };
}

/** Adds the figures of two kinds that have the same name. */
export function addKinds(a: SnapshotKind, b: SnapshotKind): SnapshotKind {
  return {
    tasks: mapStatuses((status) => a.tasks[status] + b.tasks[status]),
    oldestDueMs: Math.max(a.oldestDueMs, b.oldestDueMs),
    paused: a.paused || b.paused,
  };
}
