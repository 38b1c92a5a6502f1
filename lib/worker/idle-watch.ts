import type { EventSink } from '../events/queue-events.js';
import { BackgroundLoop } from '../timing/background-loop.js';

/** How often a process checks whether it is idle. */
const PERIOD_MS = 10_000;
/** Reading the table takes this share of the time at most. */
const SHARE = 0.02;

/** Finds out when there is nothing to do in a database, so that it may sleep. */
export class IdleWatch {
  private readonly loop = new BackgroundLoop({ turn: () => this.check() });

  /**
   * @param hasNothing whether this process has had nothing to do for a while, and nothing is stored that has not ended
   * @param onIdle is called when there is nothing to do; it resolves when there is again, or the process has come to its end
   */
  constructor(
    private readonly hasNothing: () => Promise<boolean>,
    private readonly onIdle: () => Promise<void>,
    private readonly events: EventSink,
  ) {}

  start(): void {
    this.loop.start(PERIOD_MS);
  }

  /** Does not wait for a check that runs. */
  stop(): void {
    void this.loop.stop();
  }

  /** Never rejects. @returns the pause before the next check */
  private async check(): Promise<number> {
    const startedAt = performance.now();
    let tookMs = 0;
    try {
      const isIdle = await this.hasNothing();
      tookMs = performance.now() - startedAt;
      if (isIdle && !this.loop.isStopped) {
        await this.onIdle();
      }
    } catch (error) {
      tookMs ||= performance.now() - startedAt;
      this.events.emit({ type: 'connection-failed', role: 'maintenance', error });
    }
    return Math.max(PERIOD_MS, tookMs / SHARE);
  }
}
