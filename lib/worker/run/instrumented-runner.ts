import type { Instruments } from '../../events/instrumentation.js';
import type { RegisteredHandler } from '../../handlers/registered-handler.js';
import { type Outcome, RELEASED } from '../../task/outcome.js';
import type { Attempt } from './attempt.js';
import { runAttempt, type RunnerDeps } from './attempt-runner.js';

export interface InstrumentedDeps extends RunnerDeps {
  instruments: Instruments;
}

/** Runs one attempt to its outcome, as `runAttempt` does, within what an instrumentation puts around attempts. */
export async function runInstrumented(
  attempt: Attempt,
  handler: RegisteredHandler,
  deps: InstrumentedDeps,
  ended: (attempt: Attempt, outcome: Outcome) => void,
): Promise<void> {
  const { kind, name } = handler.options;
  attempt.instrumented = deps.instruments.startAttempt(() => ({
    kind,
    name,
    id: deps.origin.idOf(attempt.id),
    attempt: attempt.number,
    trace: attempt.claimed.trace,
  }));
  let outcome: Outcome = RELEASED;
  const body = () => runAttempt(attempt, handler, deps, (_, how) => (outcome = how));
  await (attempt.instrumented?.run(body) ?? body());
  // The outcome is reported here, where the async context is the queue's own again: what follows is no part of this attempt.
  ended(attempt, outcome);
}
