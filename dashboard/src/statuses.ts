import type { TaskStatus } from '../../lib/task/task-status.js';

/** In the order of a task's life. */
export const STATUSES = [
  'new',
  'must_retry',
  'processing',
  'no_attempts_left',
  'succeeded',
  'cancelled',
] as const satisfies readonly TaskStatus[];

/** Those that are broken over lines in the heading of a column have one place for it. */
export const STATUS_NAMES: Record<TaskStatus, string> = {
  new: 'New',
  must_retry: 'To\u00a0retry',
  processing: 'Running',
  no_attempts_left: 'No\u00a0attempts left',
  succeeded: 'Succeeded',
  cancelled: 'Cancelled',
};
