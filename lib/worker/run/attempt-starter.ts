import type { RegisteredHandler } from '../../handlers/registered-handler.js';
import { type Outcome, RELEASED } from '../../task/outcome.js';
import type { Attempt } from './attempt.js';
import { runAttempt } from './attempt-runner.js';
import { type InstrumentedDeps, runInstrumented } from './instrumented-runner.js';

/** Calls the handler of a kind for its attempts: those that start together are run together, as soon as the next claim is on its way. */
export class AttemptStarter {
  private readonly starting: Attempt[] = [];

  /** @param onEnded is called with each attempt and its outcome, when its handler has ended */
  constructor(
    private readonly handler: RegisteredHandler,
    private readonly deps: InstrumentedDeps,
    private readonly onEnded: (attempt: Attempt, outcome: Outcome) => void,
  ) {}

  start(attempt: Attempt): void {
    if (this.starting.push(attempt) === 1) {
      setImmediate(() => this.runAll());
    }
  }

  private runAll(): void {
    for (const attempt of this.starting.splice(0)) {
      if (attempt.state === 'running') {
        const run = this.deps.instruments.any ? runInstrumented : runAttempt;
        void run(attempt, this.handler, this.deps, this.onEnded);
      } else {
        // It gave up its slot before its handler was called.
        this.onEnded(attempt, RELEASED);
      }
    }
  }
}
