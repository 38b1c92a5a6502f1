import type { DatabaseAdmin, DatabaseFigures } from '../../admin/database-admin.js';
import { kindViews } from '../../admin/worker-views.js';
import { mergeCounts } from '../../inspect/task-counts.js';
import type { KindCounts, KindPause, KindView, WorkerView } from '../../inspect/task-view.js';
import { mergeWorkers, workerView } from './merged-workers.js';

/** The tasks, kinds and worker processes of all databases as of one queue. */
export interface MergedFigures {
  readonly counts: readonly KindCounts[];
  readonly kinds: readonly KindView[];
  readonly workers: readonly WorkerView[];
}

type ByDatabase<Figures> = ReadonlyMap<DatabaseAdmin, Figures>;

export function mergeFigures(
  byDatabase: ByDatabase<DatabaseFigures>,
  nameOf: (kind: number) => string,
): MergedFigures {
  const workers = mergeWorkers(workersOf(byDatabase));
  return {
    counts: mergeCounts([...byDatabase.values()].map(({ counts }) => counts)),
    kinds: kindViews(workers, mergePauses(byDatabase), nameOf),
    workers: workers.map((worker) => workerView(worker, nameOf)),
  };
}

/** The kinds that live worker processes handle, and those that are paused in a database. */
export function mergeKinds(
  byDatabase: ByDatabase<Pick<DatabaseFigures, 'workers' | 'pauses'>>,
  nameOf: (kind: number) => string,
): KindView[] {
  return kindViews(mergeWorkers(workersOf(byDatabase)), mergePauses(byDatabase), nameOf);
}

export function mergeWorkerViews(
  byDatabase: ByDatabase<Pick<DatabaseFigures, 'workers'>>,
  nameOf: (kind: number) => string,
): WorkerView[] {
  return mergeWorkers(workersOf(byDatabase)).map((worker) => workerView(worker, nameOf));
}

function workersOf(byDatabase: ByDatabase<Pick<DatabaseFigures, 'workers'>>) {
  return new Map([...byDatabase].map(([{ name }, { workers }]) => [name, workers]));
}

/** The kinds that are paused in at least one database. */
function mergePauses(byDatabase: ByDatabase<Pick<DatabaseFigures, 'pauses'>>): Map<number, KindPause> {
  const databases = [...byDatabase].map(([{ name }, { pauses }]) => ({ name, pauses }));
  const kinds = new Set(databases.flatMap(({ pauses }) => [...pauses.keys()]));
  return new Map(
    [...kinds].map((kind) => {
      const times = databases.flatMap(({ pauses }) => pauses.get(kind)?.getTime() ?? []);
      const unpausedIn = databases.filter(({ pauses }) => !pauses.has(kind)).map(({ name }) => name);
      return [kind, { pausedAt: new Date(Math.min(...times)), unpausedIn }];
    }),
  );
}
