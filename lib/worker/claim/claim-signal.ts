import { WakeSignal } from '../../timing/wake-signal.js';
import type { ClaimSchedule } from './claim-schedule.js';
import type { IdleBackoff } from './idle-backoff.js';

/** What the claimer waits on: whoever knows of something to claim, or of a slot for it, wakes the claimer here. */
export class ClaimSignal {
  private readonly signal = new WakeSignal();

  constructor(
    private readonly schedule: ClaimSchedule,
    private readonly idle: IdleBackoff,
  ) {}

  /** A slot, a lease or room in the settler is free again. */
  wake(): void {
    this.signal.wake();
  }

  /** Something may have become due. */
  tasksArrived(): void {
    this.idle.noteWork();
    this.checkAll();
  }

  /** Every level of every kind is to be read, as a precaution. */
  checkAll(): void {
    this.schedule.checkAll(performance.now());
    this.signal.wake();
  }

  /** A task that this process has just settled will be due again in `delayMs`. */
  expect(delayMs: number): void {
    this.schedule.expect(performance.now(), delayMs);
    this.signal.wake();
  }

  /** Waits until something wakes the claimer, at most `ms`. */
  wait(ms: number): Promise<void> {
    return this.signal.wait(ms);
  }

  /** Waits the whole time, whatever wakes the claimer, unless `ended` says so. */
  pause(ms: number, ended: () => boolean): Promise<void> {
    return this.signal.pause(ms, ended);
  }
}
