import { ShutdownError } from '../../errors/pg-queue.errors.js';
import type { Attempt } from './attempt.js';
import { within } from '../../timing/timeout.js';
import type { StopCallers } from './stop-callers.js';
import type { WorkerPools } from './worker-pools.js';

/** How long handlers get to obey their signal once the shutdown time is used up. */
const ABORT_GRACE_MS = 500;
/** How long handlers that waited for the stop get to end once nothing else runs and their call has returned. */
const CALLERS_GRACE_MS = 1000;

/** Waits for what runs to end: at last for the handlers that called for the stop, which wait for all the others in turn. */
export class Drain {
  private onEnded: (() => void) | undefined;

  constructor(private readonly pools: WorkerPools) {}

  /** An attempt has ended, or called for the stop. */
  changed(): void {
    this.onEnded?.();
  }

  /** Bounded by `left` and a little more. @returns how many attempts did not end in time, and were released */
  async run(left: () => number, callers: StopCallers): Promise<number> {
    const isOther = (attempt: Attempt) => !callers.has(attempt);
    const released = await this.end(left(), isOther);
    callers.onQuiet();
    return released + (await this.end(Math.max(CALLERS_GRACE_MS, left()), () => true));
  }

  private async end(ms: number, isMeant: (attempt: Attempt) => boolean): Promise<number> {
    await within(ms, this.idle(isMeant));
    const unfinished = this.running(isMeant);
    if (unfinished.length > 0) {
      unfinished.forEach((attempt) => attempt.abort(new ShutdownError('the application is shutting down')));
      await within(ABORT_GRACE_MS, this.idle(isMeant));
      this.pools.forEach((pool) => pool.releaseAll(isMeant));
    }
    return unfinished.length;
  }

  private idle(isMeant: (attempt: Attempt) => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.onEnded = () => {
        if (this.running(isMeant).length === 0) {
          resolve();
        }
      };
      this.onEnded();
    });
  }

  private running(isMeant: (attempt: Attempt) => boolean): Attempt[] {
    return this.pools.attempts().filter(isMeant);
  }
}
