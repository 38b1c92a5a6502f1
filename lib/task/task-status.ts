/** What a task's row says; `processing` is an open task that has a lease, and is not stored. */
export const TASK_STATUSES = ['new', 'must_retry', 'no_attempts_left', 'cancelled', 'succeeded'] as const;
/** What is in the column `status`. */
export type StoredTaskStatus = (typeof TASK_STATUSES)[number];
/** The status of a task; `processing` is not stored: an open task that has a lease is shown so. */
export type TaskStatus = StoredTaskStatus | 'processing';

/** The statuses whose tasks are listed together. Each class has an index of its own; `finished` tasks are terminal. */
export type ListClass = 'open' | 'exhausted' | 'finished';

/** The facts of each status, in the order of a task's life. */
export const STATUS_FACTS: Readonly<
  Record<
    TaskStatus,
    {
      readonly listClass: ListClass;
      /** The name that people read. Its spaces are non-breaking where a narrow heading must not break the line. */
      readonly label: string;
    }
  >
> = {
  new: { listClass: 'open', label: 'New' },
  must_retry: { listClass: 'open', label: 'To\u00a0retry' },
  processing: { listClass: 'open', label: 'Running' },
  no_attempts_left: { listClass: 'exhausted', label: 'No\u00a0attempts left' },
  succeeded: { listClass: 'finished', label: 'Succeeded' },
  cancelled: { listClass: 'finished', label: 'Cancelled' },
};

/** All statuses in the order of a task's life. */
export const STATUSES = Object.keys(STATUS_FACTS) as readonly TaskStatus[];

export function statusesOfClass(listClass: ListClass): TaskStatus[] {
  return STATUSES.filter((status) => STATUS_FACTS[status].listClass === listClass);
}

/** The statuses of class `finished`: a task of such a status never runs again unless a push replaces it. */
export type TerminalStatus = 'succeeded' | 'cancelled';

export function isTerminal(status: TaskStatus): status is TerminalStatus {
  return STATUS_FACTS[status].listClass === 'finished';
}

/** A value for each status. */
export function mapStatuses<Value>(valueOf: (status: TaskStatus) => Value): Record<TaskStatus, Value> {
  return Object.fromEntries(STATUSES.map((status) => [status, valueOf(status)])) as Record<TaskStatus, Value>;
}
