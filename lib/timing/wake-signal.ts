import { setImmediate as nextTurn } from 'node:timers/promises';

/** Lets a loop wait for a time, or for a call of `wake` from anywhere, whichever comes first. */
export class WakeSignal {
  private woken = false;
  private endWait: (() => void) | undefined;

  wake(): void {
    this.woken = true;
    this.endWait?.();
  }

  /** Waits the whole time, whatever wakes it, unless `ended` says so: the pause after a failure. */
  async pause(ms: number, ended: () => boolean): Promise<void> {
    const until = performance.now() + ms;
    for (let left = ms; left > 0 && !ended(); left = until - performance.now()) {
      await this.wait(left);
    }
  }

  /** Waits for `wake`, at most `ms`; then lets the turn of the event loop end, so that what happens together counts as one. */
  async wait(ms: number): Promise<void> {
    if (!this.woken && ms > 0) {
      await new Promise<void>((resolve) => {
        const timer = Number.isFinite(ms) ? setTimeout(resolve, Math.ceil(ms)) : undefined;
        this.endWait = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.endWait = undefined;
    }
    this.woken = false;
    await nextTurn();
  }
}
