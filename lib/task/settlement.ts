import { toMilliseconds } from '../timing/duration.js';
import type { RunnableKindOptions } from './kind-options.js';
import type { Outcome } from './outcome.js';

/** Names one attempt: what an outcome must still hold to be written. */
export interface AttemptRef {
  readonly id: number;
  /** The claim that took the task: no other, of whatever process, ever has its number. */
  readonly claimId: number;
}

/** What is to be written for an ended attempt. */
export type Settlement = AttemptRef &
  (
    | { readonly write: 'delete' }
    | { readonly write: 'unclaim' }
    | {
        readonly write: 'finish';
        readonly status: 'succeeded' | 'cancelled';
        readonly message: string | null;
        readonly keep: number;
      }
    | {
        readonly write: 'reopen';
        readonly delayMs: number;
        /** The attempt is given back. */
        readonly back: boolean;
        readonly message: string | null;
        readonly keep: number;
      }
  );

export const WRITES: readonly Settlement['write'][] = ['delete', 'finish', 'reopen', 'unclaim'];

/** What the database made of a batch. */
export interface SettleAnswer {
  /** The ids that were settled; null when all were. Those missing no longer held their lease. */
  readonly settled: ReadonlySet<number> | null;
  /** The ids that have no attempts left now. */
  readonly exhausted: ReadonlySet<number>;
}

/** Used when a kind's own backoff fails, so that the task is neither lost nor run hot. */
const FALLBACK_BACKOFF_MS = 60_000;

/**
 * What to write for an outcome.
 * @param onInvalid told when a live option or the backoff fails; the task is settled all the same
 */
export function settlementOf(
  { id, claimId, number }: AttemptRef & { readonly number: number },
  outcome: Outcome,
  options: RunnableKindOptions,
  onInvalid: (error: unknown) => void,
): Settlement {
  const keep = options.maxTaskErrorMessages;
  switch (outcome.type) {
    case 'succeeded':
      return keepsTerminal(options, onInvalid)
        ? { id, claimId, write: 'finish', status: 'succeeded', message: null, keep }
        : { id, claimId, write: 'delete' };
    case 'cancelled':
      return keepsTerminal(options, onInvalid)
        ? {
            id,
            claimId,
            write: 'finish',
            status: 'cancelled',
            message: outcome.message,
            keep: Math.max(1, keep),
          }
        : { id, claimId, write: 'delete' };
    case 'failed':
      return {
        id,
        claimId,
        write: 'reopen',
        delayMs: backoffOf(options, number, onInvalid),
        back: false,
        message: outcome.message,
        keep,
      };
    case 'snoozed':
      return {
        id,
        claimId,
        write: 'reopen',
        delayMs: outcome.delayMs,
        back: true,
        message: null,
        keep,
      };
    case 'released':
      return { id, claimId, write: 'reopen', delayMs: 0, back: true, message: null, keep };
    case 'unclaimed':
      return { id, claimId, write: 'unclaim' };
  }
}

/** Whether terminal tasks of the kind are kept for a while, or deleted at once. */
export function keepsTerminal(options: RunnableKindOptions, onInvalid: (error: unknown) => void): boolean {
  try {
    return options.terminalTasksTtlMs() > 0;
  } catch (error) {
    onInvalid(error);
    return true;
  }
}

function backoffOf(
  { kind, name, backoff }: RunnableKindOptions,
  attempt: number,
  onInvalid: (error: unknown) => void,
): number {
  try {
    return toMilliseconds(`kind ${kind} "${name}": backoff(${attempt - 1})`, backoff(attempt - 1));
  } catch (error) {
    onInvalid(error);
    return FALLBACK_BACKOFF_MS;
  }
}
