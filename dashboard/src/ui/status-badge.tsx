import type { TaskStatus } from '../../../lib/task/task-status.js';
import { STATUS_NAMES } from '../statuses.js';

export function StatusBadge({ status }: { status: TaskStatus }) {
  return <span class={`badge badge-${status}`}>{STATUS_NAMES[status]}</span>;
}
