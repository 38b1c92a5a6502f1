import { shownKey } from './ascii.js';
import type { StoredSummary } from '../inspect/task-view.js';
import type { StoredWorker } from './stored-worker.js';

/** A task as the statements of operators return it: its times are µs since the epoch. */
export type TaskRow = Omit<StoredSummary, 'createdAt' | 'runAt' | 'finishedAt'> & {
  createdAt: number;
  runAt: number;
  finishedAt: number | null;
};

export interface PageRow {
  tasks: [task: TaskRow, at: number][];
  examined: number;
  found: number;
  last: [id: string, at: number] | null;
}

/** A worker process as its lease has it; what it reports of itself is null until its first report. */
export type WorkerRow = Omit<StoredWorker, 'startedAt' | 'heartbeatAt' | Reported> & {
  startedAt: number;
  heartbeatAt: number;
} & { [Field in Reported]: StoredWorker[Field] | null };

type Reported = 'slots' | 'running' | 'refused';

export function summaryOf(row: TaskRow): StoredSummary {
  return {
    ...row,
    externalKey: shownKey(row.externalKey),
    createdAt: dateOf(row.createdAt),
    runAt: dateOf(row.runAt),
    finishedAt: nullableDateOf(row.finishedAt),
  };
}

export function workerOf(row: WorkerRow): StoredWorker {
  return {
    ...row,
    startedAt: dateOf(row.startedAt),
    heartbeatAt: dateOf(row.heartbeatAt),
    slots: row.slots ?? {},
    running: row.running ?? [],
    refused: row.refused ?? [],
  };
}

export function dateOf(micros: number): Date {
  return new Date(micros / 1000);
}

export function nullableDateOf(micros: number | null): Date | null {
  return micros === null ? null : dateOf(micros);
}
