import type { KindSlots } from '../../inspect/kind-slots.js';
import { ShutdownError } from '../../errors/pg-queue.errors.js';
import type { Attempt } from '../../worker/run/attempt.js';
import { StopCallers } from '../../worker/run/stop-callers.js';

/** One run of processing, which the life cycle starts and stops. */
export interface Processing {
  start(): void;
  /** Stops in `timeoutMs` and a little more; never rejects. `callers` are not waited for until nothing else runs. */
  stop(timeoutMs: number, callers: StopCallers): Promise<void>;
  slots(): KindSlots[];
  /** Whether an attempt is one of this run's, and holds a slot. */
  runs(attempt: Attempt): boolean;
  /** One more handler has called for the stop. */
  onCalled(): void;
}

interface Run {
  readonly processing: Processing;
  readonly callers: StopCallers;
}

/** The life cycle of processing: `start` and `stop` may be called at any time, in any order and at once. */
export class ProcessingLifecycle {
  private current: Run | undefined;
  /** The run that is being stopped: it goes on until its handlers have ended. */
  private ending: Run | undefined;
  private transition: Promise<unknown> = Promise.resolve();
  private closed = false;
  private stopsToCome = 0;

  /**
   * @param create prepares a new run; a rejection is `start`'s, and a later `start` tries again. It need not try for long when
   * the run is no longer wanted.
   * @param background calls what is the queue's own, whoever starts and stops it
   */
  constructor(
    private readonly create: (isWanted: () => boolean) => Promise<Processing>,
    private readonly shutdownTimeoutMs: number,
    private readonly background: <T>(work: () => T) => T,
  ) {}

  get isRunning(): boolean {
    return this.current !== undefined;
  }

  /** Whether the application is shutting down. */
  get isClosed(): boolean {
    return this.closed;
  }

  /** Whether a stop was called for and has not ended. */
  get isStopping(): boolean {
    return this.stopsToCome > 0 || this.ending !== undefined;
  }

  /** Returns the slots of each kind; none while nothing is processed. */
  slots(): KindSlots[] {
    return this.current?.processing.slots() ?? [];
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
        this.current = { processing, callers: new StopCallers() };
      }
    });
  }

  stop(): Promise<void> {
    this.stopsToCome++;
    return this.afterOthers(async () => {
      this.stopsToCome--;
      this.ending = this.current;
      this.current = undefined;
      await this.ending?.processing.stop(this.shutdownTimeoutMs, this.ending.callers);
      this.ending = undefined;
    });
  }

  /** Stops, and lets nothing start again. */
  close(): Promise<void> {
    this.closed = true;
    return this.stop();
  }

  private afterOthers(step: () => Promise<void>): Promise<void> {
    const result = this.background(() => this.transition.then(step));
    this.transition = result.catch(() => undefined);
    return this.answerOf(result);
  }

  /** A handler of a run that ends, or is about to, is not made to wait for its own end. */
  private answerOf(result: Promise<void>): Promise<void> {
    const run = this.ending ?? (this.stopsToCome > 0 ? this.current : undefined);
    if (!run) {
      return result;
    }
    const answer = run.callers.answer(result, (attempt) => run.processing.runs(attempt));
    run.processing.onCalled();
    return answer;
  }
}
