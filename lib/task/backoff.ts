import { type Duration, toMilliseconds } from '../timing/duration.js';
import { InvalidOptionError } from '../errors/pg-queue.errors.js';

/** The delay before the next attempt; `attempt` counts from 0 for the first one that failed. */
export type Backoff = (attempt: number) => Duration;

/** How a computed delay is spread: not at all, over its upper half, or over the whole of it. */
export type Jitter = 'none' | 'equal' | 'full';

/** The options of `exponentialBackoff`; durations are milliseconds or texts such as `'5s'`. */
export interface ExponentialBackoffOptions {
  /** The delay after the first attempt. Default 1 s. */
  base?: Duration;
  /** No delay is longer. Default 1 h. */
  max?: Duration;
  /** Each delay is this many times the one before. Default 2. */
  factor?: number;
  /** Default `'equal'`. */
  jitter?: Jitter;
}

/** The step that the growing jitter strategies start from. */
const FIRST_STEP_MS = 1000;

/**
 * Doubles from 1 s up to `max`; the delay is drawn from the upper half of each step.
 * The three jitters are those of "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 * @throws InvalidOptionError when `max` is not a duration.
 */
export function equalJitter(max: Duration): Backoff {
  return exponentialBackoff({ max, jitter: 'equal' });
}

/** Doubles from 1 s up to `max`; the delay is drawn from 0 to the whole step. */
export function fullJitter(max: Duration): Backoff {
  return exponentialBackoff({ max, jitter: 'full' });
}

/** Doubles from 1 s up to `max`, the same for every task. */
export function noJitter(max: Duration): Backoff {
  return exponentialBackoff({ max, jitter: 'none' });
}

/**
 * `min(max, base × factor^attempt)`, spread by `jitter`.
 * @throws InvalidOptionError when an option is not a duration, `factor` is below 1, or the jitter is unknown.
 */
export function exponentialBackoff(options: ExponentialBackoffOptions = {}): Backoff {
  const { base: first = FIRST_STEP_MS, max: longest = '1h', factor = 2, jitter = 'equal' } = options;
  const max = toMilliseconds('backoff max', longest);
  const base = Math.min(toMilliseconds('backoff base', first), max);
  if (!Number.isFinite(factor) || factor < 1) {
    throw new InvalidOptionError('backoff factor', factor, 'must be a finite number of at least 1');
  }
  const spread = spreadOf(jitter);
  // The power of a late attempt is infinite, and 0 times that would be no number.
  return (attempt) => spread(base === 0 ? 0 : Math.min(max, base * factor ** attempt));
}

function spreadOf(jitter: Jitter): (step: number) => number {
  switch (jitter) {
    case 'none':
      return (step) => step;
    case 'equal':
      return (step) => step / 2 + (Math.random() * step) / 2;
    case 'full':
      return (step) => Math.random() * step;
    default:
      throw new InvalidOptionError('backoff jitter', jitter, "must be 'none', 'equal' or 'full'");
  }
}
