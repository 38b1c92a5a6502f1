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

export const STATUS_NAMES: Record<TaskStatus, string> = {
  new: 'New',
  must_retry: 'To retry',
  processing: 'Running',
  no_attempts_left: 'No attempts left',
  succeeded: 'Succeeded',
  cancelled: 'Cancelled',
};
