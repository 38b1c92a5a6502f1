import type { RegisteredHandler } from '../handlers/registered-handler.js';
import { runAsCurrentTask } from '../task/current-task.js';
import { type Outcome, outcomeOf, RELEASED, SUCCEEDED } from '../task/outcome.js';
import { parsePayload } from '../task/payload.js';
import { ShutdownError } from '../task/task.errors.js';
import { type Attempt, type CompleteIn, TaskContext } from './attempt.js';

export interface RunnerHooks {
  complete: CompleteIn;
  /** Let `currentTask` answer within the handler. */
  taskContext: boolean;
}

/** Runs one attempt to its outcome; never rejects. */
export async function runAttempt(
  attempt: Attempt,
  { options, schema, invoke }: RegisteredHandler,
  { complete, taskContext }: RunnerHooks,
): Promise<Outcome> {
  try {
    const stored = attempt.claimed.payload;
    const payload = schema ? await parsePayload(schema, stored) : stored;
    const task = new TaskContext(attempt, options.name, payload, complete);
    await (taskContext ? runAsCurrentTask(task, () => invoke(task)) : invoke(task));
    return SUCCEEDED;
  } catch (thrown) {
    const outcome = outcomeOf(thrown);
    // A handler that gave up because of the shutdown has not failed.
    return attempt.aborted instanceof ShutdownError && outcome.type === 'failed' ? RELEASED : outcome;
  }
}
