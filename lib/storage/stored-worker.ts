import type { StoredWorkerView } from '../inspect/task-view.js';
import type { ReportedSettings, WorkerReport } from '../inspect/worker-report.js';

/** A worker process as its lease describes it. */
export interface StoredWorker extends StoredWorkerView, Pick<WorkerReport, 'slots' | 'running' | 'refused'> {
  readonly settings: ReportedSettings | null;
}
