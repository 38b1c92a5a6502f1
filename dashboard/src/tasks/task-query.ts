import type { TaskQuery } from '../../../lib/dashboard/dashboard-api.js';
import { formatDateTime } from '../format.js';
import { statusLabel } from '../statuses.js';

/** The statuses of a filter; an empty list means all statuses. */
export function statusesOf({ status }: TaskQuery): string[] {
  return status ? status.split(',') : [];
}

/** The fields of a filter as labels and texts. */
export function describeFilter(query: TaskQuery, kindName: (kind: string) => string): [string, string][] {
  const { kind, shard, status, id, externalKey, text, createdFrom, createdTo } = query;
  const lines: [string, string | undefined][] = [
    ['Kind', kind && kindName(kind)],
    ['Shard', shard],
    ['Status', status && statusesOf(query).map(statusLabel).join(', ')],
    ['Id', id?.replaceAll(',', ', ')],
    ['Key', externalKey],
    ['Payload contains', text],
    ['Pushed from', createdFrom && formatTime(createdFrom)],
    ['Pushed before', createdTo && formatTime(createdTo)],
  ];
  return lines.filter((line): line is [string, string] => Boolean(line[1]));
}

/** The value of an input for a local time. */
export function toLocalInput(iso: string | undefined): string {
  const time = new Date(iso ?? '');
  if (Number.isNaN(time.getTime())) {
    return '';
  }
  return new Date(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

export function fromLocalInput(value: string): string | undefined {
  const time = new Date(value);
  return Number.isNaN(time.getTime()) ? undefined : time.toISOString();
}

function formatTime(iso: string): string {
  return Number.isNaN(Date.parse(iso)) ? iso : formatDateTime(iso);
}
