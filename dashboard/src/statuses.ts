import {
  STATUS_FACTS,
  STATUSES,
  statusesOfClass,
  type TaskStatus,
} from '../../lib/dashboard/dashboard-api.js';

export { STATUSES, type TaskStatus };

export const OPEN_STATUSES = statusesOfClass('open');

/** The name of a status; the text itself when it is no status, as in an address that somebody has edited. */
export function statusLabel(status: string): string {
  return (STATUS_FACTS as Partial<Record<string, { readonly label: string }>>)[status]?.label ?? status;
}
