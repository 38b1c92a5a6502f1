import type { TaskStatus } from '../../lib/task/task-status.js';

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
