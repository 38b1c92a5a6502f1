import type { RegisteredHandler } from '../../handlers/registered-handler.js';
import { runAsCurrentTask } from '../../task/current-task.js';
import { isolated } from '../../timing/detached.js';
import { failed, type Outcome, outcomeOf, RELEASED, SUCCEEDED } from '../../task/outcome.js';
import { decodePayload, encodedText } from '../../task/payload-codec.js';
import { parsePayload } from '../../task/payload.js';
import { ShutdownError } from '../../errors/pg-queue.errors.js';
import type { Database } from '../../storage/database.js';
import type { WorkerBase } from '../worker-base.js';
import type { Attempt } from './attempt.js';
import type { Completer } from './completer.js';
import { TaskContext } from './task-context.js';

export interface RunnerDeps extends Pick<WorkerBase, 'origin' | 'taskContext'> {
  completer: Pick<Completer, 'complete'>;
  /** Explains errors that only say that a connection is gone, where it is known why. */
  database: Pick<Database, 'explainLost'>;
}

/** Runs one attempt to its outcome, which goes to `ended`: a promise of it would be one more for each task. */
export async function runAttempt(
  attempt: Attempt,
  { options, schema, invoke }: RegisteredHandler,
  { completer, origin, taskContext, database }: RunnerDeps,
  ended: (attempt: Attempt, outcome: Outcome) => void,
): Promise<void> {
  let outcome: Outcome = SUCCEEDED;
  try {
    const { claimed } = attempt;
    const encoded = encodedText(claimed.payload);
    const stored =
      encoded === undefined ? claimed.payload : await decodePayload(options.codec, encoded, claimed);
    const payload = schema ? await parsePayload(schema, stored) : stored;
    const task = new TaskContext(attempt, origin, options.name, payload, completer);
    await isolated(() => (taskContext ? runAsCurrentTask(task, () => invoke(task)) : invoke(task)));
  } catch (thrown) {
    outcome = outcomeOf(thrown);
    if (outcome.type === 'failed') {
      // A handler that gave up because of the shutdown has not failed.
      outcome = attempt.aborted instanceof ShutdownError ? RELEASED : explained(outcome, attempt, database);
    }
  }
  ended(attempt, outcome);
}

function explained(
  outcome: Outcome & { type: 'failed' },
  { startedAt }: Attempt,
  database: RunnerDeps['database'],
): Outcome {
  const error = database.explainLost(outcome.message, startedAt);
  return error ? failed(error, outcome.ignored) : outcome;
}
