import type { LoadedKind } from './api.js';
import { formatAge, formatDateTime, formatExactly, plural } from './format.js';

/** A reason why tasks of a kind are not done, and what an operator can do on these pages. */
export interface Trouble {
  readonly severity: Severity;
  /** A few words, for a list of kinds. */
  readonly label: string;
  /** A sentence. */
  readonly text: string;
  readonly remedy: 'retry' | 'resume' | 'start-worker' | 'look-at-workers' | 'look-at-errors';
}

export type Severity = 'critical' | 'warning' | 'note';

/** A kind is late when a task has been due for longer than this. */
const LATE_MS = 60_000;
const VERY_LATE_MS = 10 * 60_000;
/** The failures of these last minutes are compared with those of as many minutes before. */
const RECENT_MINUTES = 10;
const MIN_FAILURES = 5;
const MIN_FAILURE_RATE = 0.2;

const RANK: Record<Severity, number> = { critical: 3, warning: 2, note: 1 };

/** The troubles of a kind, the worst first. `now` is the server's time. */
export function troublesOf(kind: LoadedKind, now: number): Trouble[] {
  return [blocked(kind, now), exhausted(kind), failing(kind)]
    .filter((trouble) => trouble !== null)
    .toSorted((a, b) => RANK[b.severity] - RANK[a.severity]);
}

/** The severity of the worst trouble; 0 when there is none. */
export function rankOf(troubles: readonly Trouble[]): number {
  return Math.max(0, ...troubles.map(({ severity }) => RANK[severity]));
}

function blocked(kind: LoadedKind, now: number): Trouble | null {
  const { statuses, pausedAt, unpausedIn, processes, slots, oldestDueAt } = kind;
  const waiting = statuses.new.count + statuses.must_retry.count;
  const lateMs = oldestDueAt === null ? 0 : now - Date.parse(oldestDueAt);
  const wait =
    lateMs > 0
      ? `The oldest has been due for ${formatAge(lateMs)}.`
      : `${plural(waiting, 'task waits', 'tasks wait')}.`;
  if (pausedAt !== null) {
    const since = `Paused since ${formatDateTime(pausedAt)}.`;
    if (unpausedIn.length > 0) {
      const where = `${unpausedIn.length === 1 ? 'shard' : 'shards'} ${unpausedIn.join(', ')}`;
      const text = `${since} In ${where} it is not: pause it again, or resume it. ${wait}`;
      return { severity: 'warning', label: 'paused in part', text, remedy: 'resume' };
    }
    return lateMs > 0
      ? { severity: 'warning', label: 'paused', text: `${since} ${wait}`, remedy: 'resume' }
      : { severity: 'note', label: 'paused', text: since, remedy: 'resume' };
  }
  if (waiting === 0) {
    return orphaned(kind);
  }
  // While no task is due, there is time to fix it.
  const severity = lateMs > 0 ? 'critical' : 'warning';
  if (processes === 0) {
    const text = `No live process handles it. ${wait}`;
    return { severity, label: 'no worker', text, remedy: 'start-worker' };
  }
  if (slots.capacity === 0) {
    const text = `Its workerCount is 0 in ${plural(processes, 'process', 'processes')}. ${wait}`;
    return { severity, label: 'no slots', text, remedy: 'look-at-workers' };
  }
  return lateMs > LATE_MS ? late(kind, lateMs, wait, now) : null;
}

/** Tasks of a lost process that no process rescues, because no live process handles their kind. */
function orphaned({ statuses, processes }: LoadedKind): Trouble | null {
  const { count } = statuses.processing;
  if (count === 0 || processes > 0) {
    return null;
  }
  const text = `No live process handles it, and ${plural(count, 'task is', 'tasks are')} held by one that is lost.`;
  return { severity: 'critical', label: 'no worker', text, remedy: 'start-worker' };
}

function late({ slots }: LoadedKind, lateMs: number, wait: string, now: number): Trouble {
  const severity = lateMs > VERY_LATE_MS ? 'critical' : 'warning';
  const full = slots.fullSince === null ? 0 : now - Date.parse(slots.fullSince);
  const why =
    slots.fullSince === null
      ? `${plural(slots.capacity - slots.busy, 'slot is', 'slots are')} free.`
      : `All ${plural(slots.capacity, 'slot')} have been busy for ${formatAge(full)}.`;
  return { severity, label: 'late', text: `${wait} ${why}`, remedy: 'look-at-workers' };
}

function exhausted({ statuses, points }: LoadedKind): Trouble | null {
  const { count, approximate } = statuses.no_attempts_left;
  if (count === 0) {
    return null;
  }
  const lately = points.reduce((sum, point) => sum + point.exhausted, 0);
  const about = approximate ? 'About ' : '';
  const have = plural(count, 'task has', 'tasks have');
  // Some of the tasks may have been retried since.
  const when = lately > 0 ? `; in the last hour ${formatExactly(lately)} did` : '';
  return {
    severity: lately > 0 ? 'critical' : 'warning',
    label: 'no attempts left',
    text: `${about}${have} used up all attempts${when}.`,
    remedy: 'retry',
  };
}

function failing({ points }: LoadedKind): Trouble | null {
  const recent = points.slice(-RECENT_MINUTES);
  const failed = sumOf(recent, 'failed');
  const ended = failed + sumOf(recent, 'succeeded');
  const before = sumOf(points.slice(-2 * RECENT_MINUTES, -RECENT_MINUTES), 'failed');
  if (failed < MIN_FAILURES || failed < ended * MIN_FAILURE_RATE) {
    return null;
  }
  return {
    severity: failed > before ? 'critical' : 'warning',
    label: failed > before ? 'failing more' : 'failing',
    text: `${failed} of ${plural(ended, 'attempt')} failed in the last ${RECENT_MINUTES} minutes, ${before} in the ${RECENT_MINUTES} before.`,
    remedy: 'look-at-errors',
  };
}

function sumOf(points: LoadedKind['points'], field: 'succeeded' | 'failed'): number {
  return points.reduce((sum, point) => sum + point[field], 0);
}
