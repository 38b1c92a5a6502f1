import type { StoredWorkerView } from '../inspect/task-view.js';
import type {
  ReportedAttempts,
  ReportedRefusals,
  ReportedSettings,
  ReportedSlots,
} from '../inspect/worker-report.js';

/** A worker process as its lease describes it. */
export interface StoredWorker extends StoredWorkerView {
  readonly settings: ReportedSettings | null;
  readonly slots: ReportedSlots;
  readonly running: ReportedAttempts;
  readonly refused: ReportedRefusals;
}
