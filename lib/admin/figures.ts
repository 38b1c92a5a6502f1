import { combineCounts, type CountedTasks } from '../inspect/task-counts.js';
import type { KindCounts } from '../inspect/task-view.js';
import type { AdminRepository } from '../storage/admin.repository.js';
import type { StoredWorker } from '../storage/stored-worker.js';

/** The servers of one database; both are the primary when no replica is read. */
export interface Servers {
  readonly master: AdminRepository;
  /** The server for figures that may be a little old. */
  readonly reading: AdminRepository;
}

/** The figures of one database: its tasks by kind and status, its worker processes and its paused kinds. */
export interface StoredFigures {
  readonly counted: CountedTasks & { readonly oldestDue: ReadonlyMap<number, Date> };
  readonly workers: readonly StoredWorker[];
  /** When each paused kind was paused. */
  readonly pauses: ReadonlyMap<number, Date>;
}

/**
 * Reads the figures of one database for the dashboard, the gauges and the command line. The statements run one after the other,
 * because each of them takes a connection.
 * @param mostKinds how many kinds are counted at most, the others are estimated from the sample; null: all are counted
 */
export async function readFigures(
  { master, reading }: Servers,
  mostKinds: number | null,
): Promise<StoredFigures> {
  return {
    counted: await reading.count(mostKinds),
    workers: await master.workers(),
    pauses: await master.pauses(),
  };
}

/** The tasks by kind and status. */
export function countsOf(
  { oldestDue, ...counted }: StoredFigures['counted'],
  nameOf: (kind: number) => string,
): KindCounts[] {
  return combineCounts(counted, nameOf, oldestDue);
}

/** The names that worker processes report for the kinds that they handle; of several names of a kind, the last. */
export function reportedNames(workers: readonly StoredWorker[]): Map<number, string> {
  const kinds = workers.flatMap(({ settings }) => Object.entries(settings?.kinds ?? {}));
  return new Map(kinds.map(([kind, { name }]) => [Number(kind), name]));
}
