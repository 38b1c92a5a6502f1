import { type Percentiles, percentilesOf } from './histogram.js';
import { checkCount, checkOptionNames } from '../errors/check.js';

/** What the attempts of one kind came to, lately, in all worker processes. */
export interface KindActivity {
  readonly kind: number;
  /** The kind's name as its workers have it, or `pgqueue-<kind>`. */
  readonly name: string;
  /** One for each minute, the oldest first, without gaps; the last one still goes on. */
  readonly points: readonly ActivityPoint[];
  /** How long tasks had been due when they were claimed; null when none was. */
  readonly wait: Percentiles | null;
  /** How long attempts took; null when none ended. */
  readonly run: Percentiles | null;
}

/** What happened in one minute. */
export interface ActivityPoint {
  readonly at: Date;
  readonly succeeded: number;
  /**
   * Attempts that failed, timed out or were lost; an ignored one only when it was the last. Other ignored attempts, and those that
   * were cancelled, snoozed or given back, are neither here nor in `succeeded`.
   */
  readonly failed: number;
  /** Tasks whose last attempt failed: they are among `failed` too. */
  readonly exhausted: number;
}

export interface ActivityOptions {
  /** So many minutes up to now, the one that goes on included: 1 to 1440. Default 60. */
  minutes?: number;
}

const DEFAULT_MINUTES = 60;
/** Older minutes are deleted. */
export const MAX_ACTIVITY_MINUTES = 1440;

const MINUTE_MS = 60_000;

/** @throws InvalidOptionError that names the option and the value. */
export function checkMinutes(options: ActivityOptions): number {
  checkOptionNames(options, ['minutes'], 'activity');
  const { minutes = DEFAULT_MINUTES } = options;
  checkCount('minutes', minutes, MAX_ACTIVITY_MINUTES);
  return minutes;
}

/** What the table holds of the last minutes, in rows. */
export interface StoredActivity {
  /** The minute that goes on, in ms since the epoch. */
  readonly newest: number;
  readonly minutes: readonly (readonly [kind: number, ...MinuteRow])[];
  /** Of all kinds together. */
  readonly totals: readonly MinuteRow[];
  readonly waits: readonly BucketRow[];
  readonly runs: readonly BucketRow[];
}

type MinuteRow = readonly [at: number, succeeded: number, failed: number, exhausted: number];
type BucketRow = readonly [kind: number, bucket: number, n: number];

/** Joins the rows of several databases as if they were those of one. */
export function joinActivity(all: readonly StoredActivity[]): StoredActivity {
  return {
    newest: Math.max(...all.map(({ newest }) => newest)),
    minutes: all.flatMap(({ minutes }) => minutes),
    totals: all.flatMap(({ totals }) => totals),
    waits: all.flatMap(({ waits }) => waits),
    runs: all.flatMap(({ runs }) => runs),
  };
}

/** The rows as what they show of each kind, by their numbers. Several of one kind and minute are added up. */
export function activityOf(
  { newest, minutes, waits, runs }: StoredActivity,
  length: number,
  nameOf: (kind: number) => string,
): KindActivity[] {
  const points = new Map<number, ActivityPoint[]>();
  for (const [kind, ...row] of minutes) {
    const ofKind = points.get(kind) ?? emptyPoints(newest, length);
    points.set(kind, ofKind);
    addTo(ofKind, row);
  }
  const [waitsOf, runsOf] = [bucketsByKind(waits), bucketsByKind(runs)];
  return [...points.keys()]
    .toSorted((a, b) => a - b)
    .map((kind) => ({
      kind,
      name: nameOf(kind),
      points: points.get(kind)!,
      wait: percentilesOf(waitsOf.get(kind) ?? []),
      run: percentilesOf(runsOf.get(kind) ?? []),
    }));
}

function emptyPoints(newest: number, length: number): ActivityPoint[] {
  return Array.from({ length }, (_, index) => ({
    at: new Date(newest - (length - 1 - index) * MINUTE_MS),
    succeeded: 0,
    failed: 0,
    exhausted: 0,
  }));
}

/** All kinds together, minute by minute. */
export function totalActivity({ newest, totals }: StoredActivity, length: number): ActivityPoint[] {
  const points = emptyPoints(newest, length);
  totals.forEach((row) => addTo(points, row));
  return points;
}

/** The clocks of servers differ: a minute may be over for one and not for another. */
function addTo(points: ActivityPoint[], [at, succeeded, failed, exhausted]: MinuteRow): void {
  const index = (at - points[0]!.at.getTime()) / MINUTE_MS;
  const point = points[index];
  if (point) {
    points[index] = {
      at: point.at,
      succeeded: point.succeeded + succeeded,
      failed: point.failed + failed,
      exhausted: point.exhausted + exhausted,
    };
  }
}

function bucketsByKind(rows: readonly BucketRow[]): Map<number, number[]> {
  const byKind = new Map<number, number[]>();
  for (const [kind, bucket, n] of rows) {
    const buckets = byKind.get(kind) ?? [];
    byKind.set(kind, buckets);
    while (buckets.length <= bucket) {
      buckets.push(0);
    }
    buckets[bucket]! += n;
  }
  return byKind;
}
