import { WakeSignal } from '../../timing/wake-signal.js';
import type { ClaimSchedule } from './claim-schedule.js';
import type { IdleBackoff } from './idle-backoff.js';

/** What the claimer waits on: whoever knows of something to claim, or of a slot, a lease or room in the settler for it, wakes the claimer here. */
export class ClaimSignal extends WakeSignal {
  constructor(
    private readonly schedule: ClaimSchedule,
    private readonly idle: IdleBackoff,
  ) {
    super();
  }

  /** Something may have become due. */
  tasksArrived(): void {
    this.idle.noteWork();
    this.checkAll();
  }

  /** Every level of every kind is to be read, as a precaution. */
  checkAll(): void {
    this.schedule.checkAll(performance.now());
    this.wake();
  }

  /** A task that this process has just settled will be due again in `delayMs`. */
  expect(delayMs: number): void {
    this.schedule.expect(performance.now(), delayMs);
    this.wake();
  }
}
