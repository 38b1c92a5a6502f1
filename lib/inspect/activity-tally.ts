import { BUCKETS, bucketOf } from './histogram.js';
import type { DatabaseEvent } from '../events/queue-events.js';

/** What happened to the tasks of one kind. */
export interface KindTally {
  succeeded: number;
  failed: number;
  exhausted: number;
  /** How long tasks had been due when they were claimed: the numbers of the buckets of `histogram.ts`. */
  readonly wait: number[];
  /** How long attempts took. */
  readonly run: number[];
}

type Settled = Extract<DatabaseEvent, { type: 'attempt-settled' }>;

/**
 * Counts the events of this process by kind. A lost attempt is counted once, by the process that rescues its task, and not where its
 * late outcome is discarded; ignored, cancelled, snoozed and released attempts neither succeeded nor failed.
 */
export class ActivityTally {
  private kinds = new Map<number, KindTally>();

  readonly onEvent = (event: DatabaseEvent): void => {
    switch (event.type) {
      case 'tasks-claimed': {
        const { wait } = this.of(event.kind);
        for (const waitMs of event.waitsMs) {
          wait[bucketOf(waitMs)]!++;
        }
        return;
      }
      case 'attempt-settled':
        return this.onSettled(event);
      case 'tasks-rescued': {
        const tally = this.of(event.kind);
        tally.failed += event.count;
        tally.exhausted += event.exhausted;
        return;
      }
      default:
    }
  };

  /** Returns the counts since the last call, and starts again at 0. */
  take(): ReadonlyMap<number, KindTally> {
    const { kinds } = this;
    this.kinds = new Map();
    return kinds;
  }

  /** Adds counts that `take` has returned and that could not be stored. */
  giveBack(taken: ReadonlyMap<number, KindTally>): void {
    for (const [kind, { succeeded, failed, exhausted, wait, run }] of taken) {
      const tally = this.of(kind);
      tally.succeeded += succeeded;
      tally.failed += failed;
      tally.exhausted += exhausted;
      wait.forEach((n, bucket) => (tally.wait[bucket]! += n));
      run.forEach((n, bucket) => (tally.run[bucket]! += n));
    }
  }

  private onSettled({ kind, as, exhausted, durationMs }: Settled): void {
    if (as === 'released' || as === 'lost') {
      return;
    }
    const tally = this.of(kind);
    tally.run[bucketOf(durationMs)]!++;
    if (as === 'succeeded') {
      tally.succeeded++;
    } else if (as === 'failed' || exhausted) {
      // An ignored failure counts when it was the last attempt, because the task is exhausted then.
      tally.failed++;
    }
    if (exhausted) {
      tally.exhausted++;
    }
  }

  private of(kind: number): KindTally {
    let tally = this.kinds.get(kind);
    if (!tally) {
      tally = { succeeded: 0, failed: 0, exhausted: 0, wait: zeros(), run: zeros() };
      this.kinds.set(kind, tally);
    }
    return tally;
  }
}

function zeros(): number[] {
  return Array.from({ length: BUCKETS }, () => 0);
}
