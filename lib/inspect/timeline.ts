import type { TaskStatus } from '../task/task-status.js';
import type { StoredSummary, TimelineEntry } from './task-view.js';

const ENDS: Partial<Record<TaskStatus, string>> = {
  succeeded: 'succeeded',
  cancelled: 'was cancelled',
  no_attempts_left: 'used up its last attempt',
};

/**
 * The events of a task's life that its row holds, in order. The row has no times of failed attempts, and only the last messages that
 * its kind keeps.
 */
export function timelineOf(
  task: StoredSummary,
  errors: readonly string[],
  startedAt: Date | null,
): TimelineEntry[] {
  const { status, attemptsElapsed, createdAt, runAt, finishedAt, worker } = task;
  const entries: TimelineEntry[] = [{ event: 'pushed', at: createdAt, text: 'pushed' }];
  const failed = attemptsElapsed - (status === 'processing' || status === 'succeeded' ? 1 : 0);
  const dropped = Math.max(0, failed - errors.length);
  if (dropped > 0 && errors.length > 0) {
    entries.push({
      event: 'failed',
      at: null,
      text: `${dropped} earlier attempts, whose messages are not kept`,
    });
  }
  for (const error of errors) {
    entries.push({ event: 'failed', at: null, text: error });
  }
  if (status === 'processing') {
    const by = worker === null ? 'a worker process that is gone' : worker;
    entries.push({ event: 'started', at: startedAt, text: `attempt ${attemptsElapsed}, by ${by}` });
  } else {
    const end = ENDS[status];
    entries.push(
      end === undefined
        ? { event: 'due', at: runAt, text: `attempt ${attemptsElapsed + 1} is due` }
        : { event: 'finished', at: finishedAt, text: end },
    );
  }
  return entries;
}
