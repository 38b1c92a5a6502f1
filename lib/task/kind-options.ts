import type { Backoff } from './backoff.js';
import type { PayloadCodec } from './payload-codec.js';
import { type Duration, MAX_TIMER_MS, toMilliseconds } from '../timing/duration.js';
import { check, checkInteger, checkOptionNames, isObject } from '../errors/check.js';
import { defaultKindName } from './task-name.js';

/** A value, or a function that is read each time the value is used. */
export type Live<T> = T | (() => T);

/** The periods of a kind's poll and cleanup; the defaults suit nearly all. */
export interface LoopOptions {
  /** How often terminal tasks that are older than `terminalTasksTtl` are deleted, by one process of all. Default 1 h. *Live.* */
  janitorPeriod?: Live<Duration>;
  /** The fall-back poll, for when no wake-up comes. Default 1.5 s. *Live.* */
  fetcherPeriod?: Live<Duration>;
}

/**
 * The options of a kind, in its definition, its decorator or the module's `kinds`; the later one wins. *Live* ones may be
 * functions, read each time they are used. Durations are milliseconds or texts such as `'90s'`, at most 2^31 - 1 ms where
 * a timer serves them (`attemptTimeout`, the periods) and 100 years elsewhere.
 */
export interface KindOptions {
  /** A unique human name for logs, metrics and pages. Default `pgqueue-<kind>`. */
  name?: string;
  /** Slots in this process; 0 pauses the kind here. Default 1. *Live.* */
  workerCount?: Live<number>;
  /** How often a task is attempted before it is `no_attempts_left`; set at push, from what the pushing process knows. Default 32767. */
  maxAttempts?: number;
  /** How long one attempt may run before its signal is aborted and it fails. Required for a handler. */
  attemptTimeout?: Duration;
  /** The delay before the next attempt; gets the 0-based number of the attempt that failed. Required for a handler. */
  backoff?: Backoff;
  /** How many of the last error messages are kept. Default 1. */
  maxTaskErrorMessages?: number;
  /** How long succeeded and cancelled tasks are kept; 0 deletes them at once. Default 3 days. *Live.* */
  terminalTasksTtl?: Live<Duration>;
  /** How payloads are stored: encrypted, compressed. It replaces the module's codec; null: payloads are stored as they are. */
  codec?: PayloadCodec | null;
  /** The periods of the fall-back poll and of the janitor. */
  loop?: LoopOptions;
}

/** Kind options with every default filled in and every value checked; live values are read by calling them. */
export interface ResolvedKindOptions {
  readonly kind: number;
  readonly name: string;
  readonly maxAttempts: number;
  readonly attemptTimeoutMs: number | undefined;
  readonly backoff: Backoff | undefined;
  readonly maxTaskErrorMessages: number;
  readonly codec: PayloadCodec | undefined;
  readonly workerCount: () => number;
  readonly terminalTasksTtlMs: () => number;
  readonly janitorPeriodMs: () => number;
  readonly fetcherPeriodMs: () => number;
}

export const MAX_ATTEMPTS = 32767;
const MAX_SLOTS = 100_000;
const MAX_MESSAGES = 1000;
const MAX_NAME_LENGTH = 200;
const OPTION_NAMES = new Set([
  'kind',
  'payload',
  'name',
  'workerCount',
  'maxAttempts',
  'attemptTimeout',
  'backoff',
  'maxTaskErrorMessages',
  'terminalTasksTtl',
  'loop',
  'codec',
]);
const LOOP_OPTION_NAMES: readonly (keyof LoopOptions)[] = ['janitorPeriod', 'fetcherPeriod'];

/**
 * The options of one kind, later layers over earlier ones.
 * @throws InvalidOptionError that names the kind, the option and the value.
 */
export function resolveKindOptions(
  kind: number,
  ...layers: (KindOptions | undefined)[]
): ResolvedKindOptions {
  const {
    name = defaultKindName(kind),
    workerCount = 1,
    maxAttempts = MAX_ATTEMPTS,
    attemptTimeout,
    backoff,
    maxTaskErrorMessages = 1,
    terminalTasksTtl = '3 days',
    codec,
    loop: { janitorPeriod = '1h', fetcherPeriod = 1500 } = {},
  } = mergeLayers(kind, layers);
  check(
    typeof name === 'string' && name.trim() !== '' && name.length <= MAX_NAME_LENGTH,
    `kind ${kind}: name`,
    name,
    `must be a string of 1 to ${MAX_NAME_LENGTH} characters`,
  );
  const field = (option: string) => `kind ${kind} "${name}": ${option}`;
  check(
    backoff === undefined || typeof backoff === 'function',
    field('backoff'),
    backoff,
    "must be a function, for example equalJitter('6s')",
  );
  assertCodec(field('codec'), codec);
  const timer = (option: string, value: Duration) =>
    toMilliseconds(field(option), value, { min: 1, max: MAX_TIMER_MS });
  return {
    kind,
    name,
    backoff,
    codec: codec ?? undefined,
    maxAttempts: integer(field('maxAttempts'), maxAttempts, 1, MAX_ATTEMPTS),
    attemptTimeoutMs: attemptTimeout === undefined ? undefined : timer('attemptTimeout', attemptTimeout),
    maxTaskErrorMessages: integer(field('maxTaskErrorMessages'), maxTaskErrorMessages, 0, MAX_MESSAGES),
    workerCount: live(workerCount, (value) => integer(field('workerCount'), value, 0, MAX_SLOTS)),
    terminalTasksTtlMs: live(terminalTasksTtl, (value) => toMilliseconds(field('terminalTasksTtl'), value)),
    janitorPeriodMs: live(janitorPeriod, (value) => timer('loop.janitorPeriod', value)),
    fetcherPeriodMs: live(fetcherPeriod, (value) => timer('loop.fetcherPeriod', value)),
  };
}

/** @throws InvalidOptionError for what is neither a codec nor null */
export function assertCodec(field: string, codec: unknown): void {
  const { encode, decode } = (codec ?? {}) as Partial<PayloadCodec>;
  const isNone = codec === undefined || codec === null;
  check(
    isNone || (typeof encode === 'function' && typeof decode === 'function'),
    field,
    codec,
    'must have the methods encode and decode',
  );
}

/** Checks the options that a kind needs when it has a handler. @throws InvalidOptionError for a missing one */
export function assertRunnable(options: ResolvedKindOptions): asserts options is RunnableKindOptions {
  const { kind, name, attemptTimeoutMs: attemptTimeout, backoff } = options;
  for (const [option, value] of Object.entries({ attemptTimeout, backoff })) {
    check(
      value !== undefined,
      `kind ${kind} "${name}": ${option}`,
      value,
      'must be set in defineTask or @TaskHandler',
    );
  }
}

/** The options of a kind that has a handler in this process. */
export interface RunnableKindOptions extends ResolvedKindOptions {
  readonly attemptTimeoutMs: number;
  readonly backoff: Backoff;
}

/** Later layers over earlier ones: undefined keeps the value of an earlier layer; null is a value, which later checks refuse. */
function mergeLayers(kind: number, layers: (KindOptions | undefined)[]): KindOptions {
  const merged: KindOptions = {};
  for (const layer of layers) {
    for (const [option, value] of Object.entries(layer ?? {})) {
      checkOption(kind, option, value);
      if (value !== undefined) {
        Object.assign(merged, { [option]: option === 'loop' ? { ...merged.loop, ...given(value) } : value });
      }
    }
  }
  return merged;
}

function checkOption(kind: number, option: string, value: unknown): void {
  check(OPTION_NAMES.has(option), `kind ${kind}: ${option}`, value, 'is not an option of a kind');
  if (option === 'loop' && value !== undefined) {
    check(isObject(value), `kind ${kind}: loop`, value, 'must be an object');
    checkOptionNames(value, LOOP_OPTION_NAMES, 'a kind', `kind ${kind}: loop.`);
  }
}

function given(options: object): object {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

/** Checks a live value now, so that a wrong one stops the boot, and again each time it is read. */
function live<T>(value: Live<T>, resolve: (value: T) => number): () => number {
  if (typeof value !== 'function') {
    const resolved = resolve(value);
    return () => resolved;
  }
  const read = () => resolve((value as () => T)());
  read();
  return read;
}

function integer(field: string, value: unknown, min: number, max: number): number {
  checkInteger(field, value, min, max);
  return value;
}
