import { toMilliseconds } from '../timing/duration.js';
import type { RunnableKindOptions } from './kind-options.js';
import type { Outcome } from './outcome.js';
import type { TerminalStatus } from './task-status.js';

/** Names one attempt: its outcome is recorded only while it still holds its task. */
export interface AttemptRef {
  readonly id: number;
  /** The number of the claim that took the task; no other claim of any process ever has the same. */
  readonly claimId: number;
}

/** What is recorded for an attempt that has ended. */
export type Settlement = AttemptRef &
  (
    | { readonly write: 'delete' }
    | { readonly write: 'unclaim' }
    | {
        readonly write: 'finish';
        readonly status: TerminalStatus;
        readonly message: string | null;
        readonly keep: number;
      }
    | {
        readonly write: 'reopen';
        readonly delayMs: number;
        /** Whether the attempt is not counted. */
        readonly back: boolean;
        readonly message: string | null;
        readonly keep: number;
      }
  );

export const WRITES: readonly Settlement['write'][] = ['delete', 'finish', 'reopen', 'unclaim'];

/** The result of a batch of outcomes. */
export interface SettleAnswer {
  /** The ids of the tasks whose outcome was recorded; null when all were. The other attempts no longer held their lease. */
  readonly settled: ReadonlySet<number> | null;
  /** The ids of the tasks that are exhausted now. */
  readonly exhausted: ReadonlySet<number>;
}

/** The delay where a kind's own backoff throws, so that the task is neither lost nor repeated at once. */
const FALLBACK_BACKOFF_MS = 60_000;

/**
 * What is recorded for an outcome.
 * @param onInvalid is called when a live option or the backoff throws; the outcome is recorded anyway
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
