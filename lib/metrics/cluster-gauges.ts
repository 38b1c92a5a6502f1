import type { Gauge, GaugeConfiguration } from 'prom-client';
import { QUEUE_TABLES } from '../inspect/cluster-snapshot.js';
import type { ClusterView } from './cluster-view.js';

/** A gauge of the stored tasks in the database, labelled `shard`, `kind` (its name) and `status` (a `TaskStatus`). */
export const STORED_TASKS = 'pgqueue_tasks';
/** A gauge of how long the task that waits the longest has been due, in seconds, labelled `shard` and `kind`. */
export const OLDEST_DUE_AGE = 'pgqueue_oldest_due_age_seconds';
/** A gauge that is 1 while a kind is paused, labelled `shard` and `kind`. */
export const KIND_PAUSED = 'pgqueue_kind_paused';
/** A gauge of the worker processes that report, labelled `shard`. */
export const WORKERS = 'pgqueue_workers';
/** A gauge of the worker processes that have fallen silent and are not cleaned up yet, labelled `shard`. */
export const WORKERS_LOST = 'pgqueue_workers_lost';
/** A gauge of the dead rows in the queue's tables, labelled `shard` and `table`. */
export const DEAD_TUPLES = 'pgqueue_dead_tuples';
/** A gauge of the age of the oldest transaction that holds back vacuum, in seconds, labelled `shard`. */
export const OLDEST_TRANSACTION_AGE = 'pgqueue_oldest_transaction_age_seconds';
/** A gauge of the age of the snapshot that the gauges of the cluster show, in seconds, labelled `shard`. */
export const SNAPSHOT_AGE = 'pgqueue_snapshot_age_seconds';
/** A gauge that is 1 while this process can read the snapshot of a shard, else 0, labelled `shard`. */
export const SHARD_UP = 'pgqueue_shard_up';

type Sample = readonly [labels: Readonly<Record<string, string>>, value: number];

/** The views of each gauge: applications of one process may share a registry, and so the gauges. */
const viewsOf = new WeakMap<Gauge, Set<ClusterView>>();

/** Adds a view to a gauge. @returns a function that removes it */
export function showView(gauge: Gauge, view: ClusterView): () => void {
  const views = viewsOf.get(gauge) ?? new Set();
  viewsOf.set(gauge, views.add(view));
  return () => views.delete(view);
}

/** Sets the gauge when it is scraped. When several views show one series, the largest value is shown. */
function collect(gauge: Gauge, samplesOf: (view: ClusterView) => Iterable<Sample>): void {
  const largest = new Map<string, Sample>();
  for (const view of viewsOf.get(gauge) ?? []) {
    for (const [own, value] of samplesOf(view)) {
      const labels = { shard: view.name, ...own };
      const key = JSON.stringify(labels);
      largest.set(key, [labels, Math.max(value, largest.get(key)?.[1] ?? value)]);
    }
  }
  gauge.reset();
  largest.forEach(([labels, value]) => gauge.set(labels, value));
}

function define(
  name: string,
  help: string,
  labelNames: readonly string[],
  samplesOf: (view: ClusterView) => Iterable<Sample>,
): GaugeConfiguration<string> {
  return {
    name,
    help,
    labelNames: ['shard', ...labelNames],
    collect(this: Gauge) {
      collect(this, samplesOf);
    },
  };
}

/** Gauges of the whole queue: each process shows the same values. */
export const CLUSTER_GAUGES: readonly GaugeConfiguration<string>[] = [
  define(
    STORED_TASKS,
    'Stored tasks in the database, by kind and status',
    ['kind', 'status'],
    ({ figures }) =>
      [...figures].flatMap(([kind, { tasks }]) =>
        Object.entries(tasks).map(([status, count]): Sample => [{ kind, status }, count]),
      ),
  ),
  define(
    OLDEST_DUE_AGE,
    'How long the task that waits the longest has been due, by kind',
    ['kind'],
    ({ figures }) => [...figures].map(([kind, { oldestDueMs }]): Sample => [{ kind }, oldestDueMs / 1000]),
  ),
  define(KIND_PAUSED, 'Whether a kind is paused', ['kind'], ({ figures }) =>
    [...figures].map(([kind, { paused }]): Sample => [{ kind }, paused ? 1 : 0]),
  ),
  define(WORKERS, 'Worker processes that report', [], ({ snapshot }) => [[{}, snapshot?.workers.live ?? 0]]),
  define(WORKERS_LOST, 'Worker processes that have fallen silent', [], ({ snapshot }) => [
    [{}, snapshot?.workers.lost ?? 0],
  ]),
  define(DEAD_TUPLES, "Dead rows in the queue's tables, by table", ['table'], ({ snapshot }) =>
    QUEUE_TABLES.map((table): Sample => [{ table }, snapshot?.deadTuples[table] ?? 0]),
  ),
  define(
    OLDEST_TRANSACTION_AGE,
    'Age of the oldest transaction that holds back vacuum',
    [],
    ({ snapshot }) => [[{}, (snapshot?.oldestTransactionMs ?? 0) / 1000]],
  ),
  define(SNAPSHOT_AGE, 'Age of what the gauges of the whole cluster show', [], ({ ageMs }) => [
    [{}, ageMs / 1000],
  ]),
  define(SHARD_UP, 'Whether this process can read the snapshot of a shard', [], ({ isUp }) => [
    [{}, isUp ? 1 : 0],
  ]),
];
