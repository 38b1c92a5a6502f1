import { AsyncLocalStorage } from 'node:async_hooks';
import type { AttemptName } from './task-name.js';

/** Which attempt runs: what a log line or a report of an error should say. */
export interface CurrentTask extends AttemptName {}

const storage = new AsyncLocalStorage<CurrentTask>();

/**
 * The task whose handler called, however deep and however late: its kind and name, its id and the attempt. No payload, so that
 * all of it may be logged. Undefined outside of a handler, and with `taskContext: false`.
 */
export function currentTask(): CurrentTask | undefined {
  const task = storage.getStore();
  return task && { kind: task.kind, name: task.name, id: task.id, attempt: task.attempt };
}

/** The object that was passed to `runAsCurrentTask`: by its identity a queue recognizes its own attempts. */
export function currentTaskStore(): CurrentTask | undefined {
  return storage.getStore();
}

/** Calls `handler` so that `currentTask` returns this task in all that it calls. */
export function runAsCurrentTask<T>(task: CurrentTask, handler: () => T): T {
  return storage.run(task, handler);
}
