/** What a task's row says; `processing` is an open task that has a lease, and is not stored. */
export const TASK_STATUSES = ['new', 'must_retry', 'no_attempts_left', 'cancelled', 'succeeded'] as const;
/** What is in the column `status`. */
export type StoredTaskStatus = (typeof TASK_STATUSES)[number];
/** The status of a task; `processing` is not stored: an open task that has a lease is shown so. */
export type TaskStatus = StoredTaskStatus | 'processing';

/** The statuses whose tasks are listed together. Each class has an index of its own; `finished` tasks are terminal. */
export type ListClass = 'open' | 'broken' | 'finished';

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
  no_attempts_left: { listClass: 'broken', label: 'No\u00a0attempts left' },
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

/** `null` stands for a task that is not stored: before its push, and after its deletion. */
type Node = TaskStatus | null;

/** What can happen to a task. */
export type TaskEvent =
  | 'push'
  | 'claim'
  | 'success'
  | 'must-cancel'
  | 'failure'
  | 'snooze'
  | 'lease-lost'
  | 'shutdown'
  | 'cancel-by-key'
  | 'retry-tasks'
  | 'replace'
  | 'janitor';

export interface Transition {
  from: Node;
  event: TaskEvent;
  to: readonly Node[];
}

/**
 * Every transition that exists, but what an operator does by hand (`QueueAdmin.delete`); the tests prove these and that no other
 * happens, and the status diagram is drawn from them.
 */
export const TRANSITIONS: readonly Transition[] = [
  { from: null, event: 'push', to: ['new'] },
  { from: 'new', event: 'claim', to: ['processing'] },
  { from: 'must_retry', event: 'claim', to: ['processing'] },
  { from: 'processing', event: 'success', to: ['succeeded', null] },
  { from: 'processing', event: 'must-cancel', to: ['cancelled', null] },
  { from: 'processing', event: 'failure', to: ['must_retry', 'no_attempts_left'] },
  { from: 'processing', event: 'snooze', to: ['must_retry'] },
  { from: 'processing', event: 'lease-lost', to: ['must_retry', 'no_attempts_left'] },
  { from: 'processing', event: 'shutdown', to: ['must_retry'] },
  { from: 'new', event: 'cancel-by-key', to: ['cancelled'] },
  { from: 'must_retry', event: 'cancel-by-key', to: ['cancelled'] },
  { from: 'processing', event: 'cancel-by-key', to: ['cancelled'] },
  { from: 'no_attempts_left', event: 'retry-tasks', to: ['must_retry'] },
  { from: 'new', event: 'replace', to: ['new'] },
  { from: 'must_retry', event: 'replace', to: ['new'] },
  { from: 'no_attempts_left', event: 'replace', to: ['new'] },
  { from: 'succeeded', event: 'replace', to: ['new'] },
  { from: 'cancelled', event: 'replace', to: ['new'] },
  { from: 'succeeded', event: 'janitor', to: [null] },
  { from: 'cancelled', event: 'janitor', to: [null] },
];
