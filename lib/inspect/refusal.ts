import type { RefusedStep } from '../events/queue-events.js';

/** A statement that the database refuses for this task, while it succeeds for other tasks. */
export interface Refusal {
  readonly step: RefusedStep;
  /** The message of the database. */
  readonly error: string;
  readonly since: Date;
  /** The process that tries again. */
  readonly worker: string;
}

const TEXTS: Record<RefusedStep, string> = {
  claim: 'to hand it out',
  begin: 'to begin its last attempt',
  outcome: 'its outcome',
  release: 'to release it, which this process does not run',
  rescue: 'to give it back after its process was lost',
  cleanup: 'to delete it now that it is old',
  retry: 'to retry it',
  cancel: 'to cancel it',
  delete: 'to delete it',
  runNow: 'to make it due',
};

/** `the database refuses its outcome: …` */
export function refusalText(step: RefusedStep, error: string): string {
  return `the database refuses ${TEXTS[step]}: ${error}`;
}
