import type { RefusedStep } from '../events/queue-events.js';

/** The options of a kind as a worker process has them; a live one is null while reading it fails. */
export interface ReportedKindSettings {
  readonly name: string;
  readonly maxAttempts: number;
  readonly attemptTimeoutMs: number;
  readonly maxTaskErrorMessages: number;
  readonly terminalTasksTtlMs: number | null;
  readonly fetcherPeriodMs: number | null;
  readonly janitorPeriodMs: number | null;
}

export interface ReportedSettings {
  /** A process that is silent for longer may be dead. */
  readonly silenceMs: number;
  /** Identifies a worker process in all databases that it works in; missing in reports of earlier releases. */
  readonly instance?: string;
  readonly kinds: Readonly<Record<string, ReportedKindSettings>>;
}

/** By kind: slots, those in use, and since when none was free at any heartbeat, in ms since the epoch. */
export type ReportedSlots = Readonly<
  Record<string, readonly [capacity: number, busy: number, fullSince: number | null]>
>;

/** A process reports at most this many attempts. */
export const MAX_REPORTED_ATTEMPTS = 50;

/** The attempts that have run the longest, the longest first; `startedAt` in ms since the epoch. */
export type ReportedAttempts = readonly (readonly [
  id: string,
  kind: number,
  attempt: number,
  startedAt: number,
])[];

/** A process reports at most this many refusals. */
export const MAX_REPORTED_REFUSALS = 50;

/** The refused tasks, the oldest refusal first; `since` in ms since the epoch. */
export type ReportedRefusals = readonly (readonly [
  id: string,
  kind: number,
  step: RefusedStep,
  error: string,
  since: number,
])[];

/** The report that a worker process stores with its heartbeat; times are by its own clock. */
export interface WorkerReport {
  readonly kinds: readonly number[];
  readonly settings: ReportedSettings;
  readonly slots: ReportedSlots;
  readonly running: ReportedAttempts;
  readonly refused: ReportedRefusals;
}
