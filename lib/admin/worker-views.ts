import type { StoredWorker } from '../storage/stored-worker.js';
import type { Refusal } from '../inspect/refusal.js';
import { MAX_REPORTED_ATTEMPTS } from '../inspect/worker-report.js';
import type { KindPause, KindView, SlotCounts } from '../inspect/task-view.js';

/** The default of `leaseTimeout`, for a process that has not reported its own. */
const DEFAULT_SILENCE_MS = 15_000;

const NOT_PAUSED: KindPause = { pausedAt: null, unpausedIn: [] };

export function isLost({ silentMs, settings }: StoredWorker): boolean {
  return silentMs > (settings?.silenceMs ?? DEFAULT_SILENCE_MS);
}

/** The slots of a kind in this process; undefined when the process does not handle the kind. */
export function slotsOf({ slots }: StoredWorker, kind: number): SlotCounts | undefined {
  const found = slots[kind];
  if (!found) {
    return undefined;
  }
  const [capacity, busy, fullSince] = found;
  return { capacity, busy, fullSince: fullSince === null ? null : new Date(fullSince) };
}

/** When an attempt started; null when no process has reported the attempt. */
export function startOf(workers: readonly StoredWorker[], id: string, attempt: number): Date | null {
  for (const { running } of workers) {
    const reported = running.find(([taskId, , number]) => taskId === id && number === attempt);
    if (reported) {
      return new Date(reported[3]);
    }
  }
  return null;
}

/** What the database refuses for a task; null when no process reports a refusal. */
export function refusalOf(workers: readonly StoredWorker[], id: string): Refusal | null {
  for (const { worker, refused } of workers) {
    const reported = refused.find(([taskId]) => taskId === id);
    if (reported) {
      const [, , step, error, since] = reported;
      return { step, error, since: new Date(since), worker };
    }
  }
  return null;
}

/** The start of the youngest reported attempt when the process may run attempts that it does not report; these started later. Else null. */
export function unreportedAfter({ running }: StoredWorker): Date | null {
  const last = running[MAX_REPORTED_ATTEMPTS - 1];
  return last ? new Date(last[3]) : null;
}

/** The kinds that live processes handle, and the kinds that are paused. */
export function kindViews(
  workers: readonly StoredWorker[],
  pauses: ReadonlyMap<number, KindPause>,
  nameOf: (kind: number) => string,
): KindView[] {
  const live = workers.filter((worker) => !isLost(worker));
  const kinds = new Set([...pauses.keys(), ...live.flatMap(({ slots }) => Object.keys(slots).map(Number))]);
  return [...kinds]
    .toSorted((a, b) => a - b)
    .map((kind) => {
      const handling = live.filter(({ slots }) => kind in slots);
      return {
        kind,
        name: nameOf(kind),
        ...(pauses.get(kind) ?? NOT_PAUSED),
        processes: handling.length,
        slots: sumOf(handling.map((worker) => slotsOf(worker, kind)!)),
        settings: handling.at(-1)?.settings?.kinds[kind] ?? null,
      };
    });
}

/** All processes together are full since the last of them became full; a process without slots does not count. */
function sumOf(slots: readonly SlotCounts[]): SlotCounts {
  const serving = slots.filter(({ capacity }) => capacity > 0);
  const full = serving.length > 0 && serving.every(({ fullSince }) => fullSince !== null);
  return {
    capacity: slots.reduce((sum, { capacity }) => sum + capacity, 0),
    busy: slots.reduce((sum, { busy }) => sum + busy, 0),
    fullSince: full ? new Date(Math.max(...serving.map(({ fullSince }) => fullSince!.getTime()))) : null,
  };
}
