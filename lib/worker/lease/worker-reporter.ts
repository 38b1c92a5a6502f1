import {
  MAX_REPORTED_ATTEMPTS,
  type ReportedAttempts,
  type ReportedKindSettings,
  type ReportedSlots,
  type WorkerReport,
} from '../../inspect/worker-report.js';
import type { Attempt } from '../run/attempt.js';
import type { RefusedTasks } from '../refused-tasks.js';
import type { WorkerPool } from '../run/worker-pool.js';

/** Attempts that began just now are not reported: what runs for a short time would change at every heartbeat. */
const MIN_AGE_MS = 1000;

/** Gathers what this process reports of itself: its kinds, their settings and slots, and what has run for long. */
export class WorkerReporter {
  /** Since when kinds had no free slot at every report. */
  private readonly fullSince = new Map<number, number>();

  constructor(
    private readonly pools: ReadonlyMap<number, WorkerPool>,
    private readonly silenceMs: number,
    /** Names this process, in every database that it works in. */
    private readonly instance: string,
    private readonly refused: RefusedTasks,
  ) {}

  report(): WorkerReport {
    const pools = [...this.pools.values()];
    return {
      kinds: pools.map(({ kind }) => kind),
      settings: {
        silenceMs: this.silenceMs,
        instance: this.instance,
        kinds: Object.fromEntries(pools.map((pool) => [pool.kind, settingsOf(pool)])),
      },
      slots: this.slotsOf(pools),
      running: longestRunning(pools),
      refused: this.refused.report(),
    };
  }

  private slotsOf(pools: readonly WorkerPool[]): ReportedSlots {
    return Object.fromEntries(
      pools.map((pool) => {
        const { kind, capacity, busyInAll: busy } = pool;
        if (pool.isFull) {
          this.fullSince.set(kind, this.fullSince.get(kind) ?? Date.now());
        } else {
          this.fullSince.delete(kind);
        }
        return [kind, [capacity, busy, this.fullSince.get(kind) ?? null]];
      }),
    );
  }
}

function settingsOf({ options }: WorkerPool): ReportedKindSettings {
  const { name, maxAttempts, attemptTimeoutMs, maxTaskErrorMessages } = options;
  return {
    name,
    maxAttempts,
    attemptTimeoutMs,
    maxTaskErrorMessages,
    terminalTasksTtlMs: valueOf(options.terminalTasksTtlMs),
    fetcherPeriodMs: valueOf(options.fetcherPeriodMs),
    janitorPeriodMs: valueOf(options.janitorPeriodMs),
  };
}

/** Reads a live option; its failure is reported where the option is used. */
function valueOf(read: () => number): number | null {
  try {
    return read();
  } catch {
    return null;
  }
}

function longestRunning(pools: readonly WorkerPool[]): ReportedAttempts {
  const latest = performance.now() - MIN_AGE_MS;
  return pools
    .flatMap((pool) => oldestOf(pool, latest))
    .toSorted((a, b) => a.startedAt - b.startedAt)
    .slice(0, MAX_REPORTED_ATTEMPTS)
    .map(({ id, number, claimed, startedAt }) => [
      String(id),
      claimed.kind,
      number,
      Math.round(performance.timeOrigin + startedAt),
    ]);
}

function oldestOf(pool: WorkerPool, latest: number): Attempt[] {
  const oldest: Attempt[] = [];
  for (const attempt of pool.inSlots()) {
    if (oldest.length === MAX_REPORTED_ATTEMPTS || attempt.startedAt > latest) {
      break;
    }
    oldest.push(attempt);
  }
  return oldest;
}
