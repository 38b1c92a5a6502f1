import type { ActionFilter } from '../events/action-record.js';
import { type CheckedFilter, SHOWN_STATUSES } from '../inspect/task-filter.js';
import { InvalidOptionError } from '../errors/pg-queue.errors.js';

/** Who acts. */
export interface ActorOptions {
  /** Who acts, for the record of the action: 1 to 200 characters. */
  by?: string;
}

const LONGEST_NAME = 200;

/** @throws InvalidOptionError for anything but a name or undefined. */
export function checkActor(by: unknown, field = 'by'): string | null {
  const fits =
    by === undefined ||
    (typeof by === 'string' && by.trim() !== '' && by.length <= LONGEST_NAME && !by.includes('\0'));
  if (!fits) {
    throw new InvalidOptionError(field, by, `must be a name of 1 to ${LONGEST_NAME} characters`);
  }
  return (by as string | undefined) ?? null;
}

export function actionFilterOf(filter: CheckedFilter): ActionFilter {
  const { ids, shard, kinds, statuses, externalKey, text, createdFrom, createdTo } = filter;
  return {
    ...(ids && { id: ids }),
    ...(shard !== null && { shard }),
    ...(kinds && { kind: kinds }),
    ...(statuses.length < SHOWN_STATUSES.length && { status: statuses }),
    ...(externalKey !== null && { externalKey }),
    ...(text !== null && { text }),
    ...(createdFrom && { createdFrom: createdFrom.toISOString() }),
    ...(createdTo && { createdTo: createdTo.toISOString() }),
  };
}
