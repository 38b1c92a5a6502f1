/** A process is idle when it has had nothing to do for so long. */
const AFTER_MS = 10_000;
/** How often an idle process says that it is alive, and polls for tasks. */
export const IDLE_PERIOD_MS = 6000;

/**
 * Whether this process may query the database less often: no process has anything to do, and this one would hear a wake-up. It returns
 * to the usual pace at the first work. A process that has nothing to do says in advance that it is alive, by which the others know it.
 */
export class IdleBackoff {
  /** Whether no other process has anything to do, as the last heartbeat saw them. */
  othersAreIdle = false;
  /** Whether wake-ups are heard. */
  isListening = false;
  private workAt = performance.now();

  /** @param hasWork whether attempts run or wait, or outcomes are to be written */
  constructor(private readonly hasWork: () => boolean) {}

  /** Something was pushed, claimed or found. */
  noteWork(): void {
    this.workAt = performance.now();
  }

  /** Whether this process has had nothing to do for a while. */
  get hasNothing(): boolean {
    return performance.now() - this.workAt >= AFTER_MS && !this.hasWork();
  }

  /** Whether this process has had nothing to do for a while, and would hear of something. */
  get isIdle(): boolean {
    return this.isListening && this.hasNothing;
  }

  /** Whether all processes are idle. */
  get isDue(): boolean {
    return this.othersAreIdle && this.isIdle;
  }
}
