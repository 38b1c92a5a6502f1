import { isLost, slotsOf } from '../../admin/worker-views.js';
import type { WorkerShard, WorkerView } from '../../inspect/task-view.js';
import type { StoredWorker } from '../../storage/stored-worker.js';

/** A worker process with its lease in each shard; its report is the one that it stored last, in whichever shard. */
export interface MergedWorker extends StoredWorker {
  readonly id: string;
  readonly shards: readonly WorkerShard[];
}

/**
 * The processes that have reported to shards. A process that works in several shards reports the same slots to each of them. A process
 * whose report has no `instance` counts by itself; so does a lease that a process has lost in a shard where it has a newer one.
 */
export function mergeWorkers(byShard: ReadonlyMap<string, readonly StoredWorker[]>): MergedWorker[] {
  const processes = new Map<string, MergedWorker[]>();
  for (const [shard, workers] of byShard) {
    for (const worker of workers) {
      const process = inShard(shard, worker, workers);
      processes.set(process.id, [...(processes.get(process.id) ?? []), process]);
    }
  }
  return [...processes.values()].map(asOne).toSorted((a, b) => a.startedAt.getTime() - b.startedAt.getTime());
}

function inShard(shard: string, worker: StoredWorker, others: readonly StoredWorker[]): MergedWorker {
  const { leaseId, startedAt, heartbeatAt, silentMs, settings } = worker;
  const instance = settings?.instance;
  const isReplaced = others.some(
    (other) => other.settings?.instance === instance && other.startedAt.getTime() > startedAt.getTime(),
  );
  const id = instance === undefined || isReplaced ? `${shard}/${leaseId}` : instance;
  return { ...worker, id, shards: [{ shard, leaseId, heartbeatAt, silentMs, lost: isLost(worker) }] };
}

function asOne(parts: readonly MergedWorker[]): MergedWorker {
  const [latest] = parts.toSorted((a, b) => a.silentMs - b.silentMs);
  return {
    ...latest!,
    leaseId: parts[0]!.leaseId,
    startedAt: new Date(Math.min(...parts.map(({ startedAt }) => startedAt.getTime()))),
    running: parts.flatMap(({ running }) => running).toSorted(([, , , a], [, , , b]) => a - b),
    shards: parts.flatMap(({ shards }) => shards),
  };
}

export function workerView(merged: MergedWorker, nameOf: (kind: number) => string): WorkerView {
  const { id, leaseId, worker, host, pid, version, startedAt, heartbeatAt, silentMs } = merged;
  const { slots, running, shards } = merged;
  return {
    id,
    leaseId,
    worker,
    host,
    pid,
    version,
    startedAt,
    heartbeatAt,
    silentMs,
    lost: isLost(merged),
    shards,
    kinds: Object.keys(slots)
      .map(Number)
      .toSorted((a, b) => a - b)
      .map((kind) => ({ kind, name: nameOf(kind), ...slotsOf(merged, kind)! })),
    running: running.map(([taskId, kind, attempt, at]) => ({
      id: taskId,
      kind,
      name: nameOf(kind),
      attempt,
      startedAt: new Date(at),
    })),
  };
}
