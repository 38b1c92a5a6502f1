import { statusLabel, type TaskStatus } from '../statuses.js';

export function StatusBadge({ status }: { status: TaskStatus }) {
  return <span class={`badge badge-${status}`}>{statusLabel(status)}</span>;
}
