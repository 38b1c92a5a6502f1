import { currentTaskStore } from '../../task/current-task.js';
import type { Attempt } from './attempt.js';
import { attemptOf } from './task-context.js';

/** A handler that does not wait for the stop that it called for gets so long to end before its call is answered. */
const ANSWER_MS = 100;

/**
 * The attempts whose own handlers called for a stop, or closed the application: the stop can't wait for handlers that wait for it. Their
 * calls are answered as soon as nothing else runs, so that the handlers can end; then their outcomes are written, and the stop ends.
 */
export class StopCallers {
  private readonly attempts = new Set<Attempt>();
  private answers: (() => void)[] = [];
  /** How many parts are not quiet yet; nothing is before the stop begins. */
  private left = Number.POSITIVE_INFINITY;

  has(attempt: Attempt): boolean {
    return this.attempts.has(attempt);
  }

  /** A stop begins. @param parts how many runs have to be quiet, one for each database */
  begin(parts: number): void {
    this.left = parts;
  }

  /** One of the parts runs nothing any more but attempts of callers. */
  onQuiet(): void {
    if (--this.left === 0) {
      this.answers.splice(0).forEach((answer) => answer());
    }
  }

  /**
   * Returns what to await of a transition: the whole of it, unless the caller is a handler of an attempt that the transition waits for.
   * @param runs whether an attempt is one of those that the stop is about
   */
  answer(whole: Promise<void>, runs: (attempt: Attempt) => boolean): Promise<void> {
    const attempt = attemptOf(currentTaskStore());
    if (!attempt || attempt.state !== 'running' || !runs(attempt)) {
      return whole;
    }
    this.attempts.add(attempt);
    const early = new Promise<void>((resolve) => {
      const answer = () =>
        setTimeout(() => {
          // A handler that has ended did not wait, and neither may the work that it left behind: its outcome is on its way.
          if (attempt.state === 'running') {
            resolve();
          }
        }, ANSWER_MS);
      if (this.left <= 0) {
        answer();
      } else {
        this.answers.push(answer);
      }
    });
    return Promise.race([whole, early]);
  }
}
