import type { KindSlots } from '../task/kind-slots.js';
import { ShutdownError } from '../task/task.errors.js';

/** What the scheduler starts and stops: one run of the consumer side. */
export interface Processing {
  start(): void;
  /** Bounded by `timeoutMs` and a little more; never rejects. */
  stop(timeoutMs: number): Promise<void>;
  slots(): KindSlots[];
}

/** The life cycle of processing: `start` and `stop` may be called at any time, in any order and at once. */
export class TaskScheduler {
  private current: Processing | undefined;
  private transition: Promise<unknown> = Promise.resolve();
  private closed = false;
  private stopsToCome = 0;

  /**
   * @param create prepares a new run; a rejection is `start`'s, and a later `start` tries again. It need not try for long when
   * the run is no longer wanted.
   */
  constructor(
    private readonly create: (isWanted: () => boolean) => Promise<Processing>,
    private readonly shutdownTimeoutMs: number,
  ) {}

  get isRunning(): boolean {
    return this.current !== undefined;
  }

  /** None while nothing is processed. */
  slots(): KindSlots[] {
    return this.current?.slots() ?? [];
  }

  /** @throws ShutdownError once it was closed: nothing would ever stop what it starts. */
  start(): Promise<void> {
    return this.afterOthers(async () => {
      if (this.closed) {
        throw new ShutdownError('processing can not be started: the application is shutting down');
      }
      if (!this.current) {
        const processing = await this.create(() => this.stopsToCome === 0);
        processing.start();
        this.current = processing;
      }
    });
  }

  stop(): Promise<void> {
    this.stopsToCome++;
    return this.afterOthers(async () => {
      this.stopsToCome--;
      const stopping = this.current;
      this.current = undefined;
      await stopping?.stop(this.shutdownTimeoutMs);
    });
  }

  /** Stops for good. */
  close(): Promise<void> {
    this.closed = true;
    return this.stop();
  }

  private afterOthers(step: () => Promise<void>): Promise<void> {
    const result = this.transition.then(step);
    this.transition = result.catch(() => undefined);
    return result;
  }
}
