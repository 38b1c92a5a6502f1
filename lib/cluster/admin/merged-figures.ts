import type { DatabaseAdmin, DatabaseFigures } from '../../admin/database-admin.js';
import { kindViews } from '../../admin/worker-views.js';
import { mergeCounts } from '../../inspect/task-counts.js';
import type { KindCounts, KindPause, KindView, WorkerView } from '../../inspect/task-view.js';
import { mergeWorkers, workerView } from './merged-workers.js';

/** The tasks, kinds and worker processes of all shards as of one queue. */
export interface MergedFigures {
  readonly counts: readonly KindCounts[];
  readonly kinds: readonly KindView[];
  readonly workers: readonly WorkerView[];
}

type ByShard<Figures> = ReadonlyMap<DatabaseAdmin, Figures>;

export function mergeFigures(
  byShard: ByShard<DatabaseFigures>,
  nameOf: (kind: number) => string,
): MergedFigures {
  const workers = mergeWorkers(workersOf(byShard));
  return {
    counts: mergeCounts([...byShard.values()].map(({ counts }) => counts)),
    kinds: kindViews(workers, mergePauses(byShard), nameOf),
    workers: workers.map((worker) => workerView(worker, nameOf)),
  };
}

/** The kinds that live worker processes handle, and those that are paused in a shard. */
export function mergeKinds(
  byShard: ByShard<Pick<DatabaseFigures, 'workers' | 'pauses'>>,
  nameOf: (kind: number) => string,
): KindView[] {
  return kindViews(mergeWorkers(workersOf(byShard)), mergePauses(byShard), nameOf);
}

export function mergeWorkerViews(
  byShard: ByShard<Pick<DatabaseFigures, 'workers'>>,
  nameOf: (kind: number) => string,
): WorkerView[] {
  return mergeWorkers(workersOf(byShard)).map((worker) => workerView(worker, nameOf));
}

function workersOf(byShard: ByShard<Pick<DatabaseFigures, 'workers'>>) {
  return new Map([...byShard].map(([{ name }, { workers }]) => [name, workers]));
}

/** The kinds that are paused in at least one shard. */
function mergePauses(byShard: ByShard<Pick<DatabaseFigures, 'pauses'>>): Map<number, KindPause> {
  const shards = [...byShard].map(([{ name }, { pauses }]) => ({ name, pauses }));
  const kinds = new Set(shards.flatMap(({ pauses }) => [...pauses.keys()]));
  return new Map(
    [...kinds].map((kind) => {
      const times = shards.flatMap(({ pauses }) => pauses.get(kind)?.getTime() ?? []);
      const unpausedIn = shards.filter(({ pauses }) => !pauses.has(kind)).map(({ name }) => name);
      return [kind, { pausedAt: new Date(Math.min(...times)), unpausedIn }];
    }),
  );
}
