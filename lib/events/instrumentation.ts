import { detached } from '../timing/detached.js';
import type { QueueEvents } from './queue-events.js';
import type { AttemptName, KindName, SettledAs } from '../task/task-name.js';
import type { PushResult } from '../task/task.js';

/** One call of `pushTask` or `pushTasks`, as it is about to be stored. */
export interface PushInfo {
  /** Each kind once. */
  readonly kinds: readonly KindName[];
  readonly count: number;
  /** By `pushTasks`. */
  readonly batch: boolean;
}

/** One attempt, as its handler is about to be called. */
export interface AttemptInfo extends AttemptName {
  /** The trace that was stored with the task. */
  readonly trace: string | null;
}

/** The instrumentation of one push, such as a span. */
export interface InstrumentedPush {
  /** The trace that is stored with each task and passed to each of its attempts; null: none. */
  readonly trace: string | null;
  /** Calls `store`, and returns what it returns. */
  run<T>(store: () => T): T;
  succeeded(results: readonly PushResult[]): void;
  failed(error: unknown): void;
}

/** The instrumentation of one attempt, such as a span. */
export interface InstrumentedAttempt {
  /** Calls `body`, and returns what it returns. */
  run<T>(body: () => T): T;
  /** Is called when the attempt ends; an abandoned handler may still run. */
  ended(as: SettledAs, error: unknown): void;
}

/** Surrounds pushes and attempts, as a tracer does; it is called once for each. */
export interface Instrumentation {
  startPush(push: PushInfo): InstrumentedPush;
  startAttempt(attempt: AttemptInfo): InstrumentedAttempt;
  /** Calls `work`, which belongs to no push and no attempt, and returns its result. */
  background?<T>(work: () => T): T;
}

/** Holds the instrumentation. Without one, a push and an attempt cost a comparison; its errors are reported and change nothing. */
export class Instruments {
  private instrumentation: Instrumentation | undefined;

  constructor(private readonly events: QueueEvents) {}

  /** Replaces the instrumentation. @returns a function that removes it. */
  register(instrumentation: Instrumentation): () => void {
    this.instrumentation = instrumentation;
    return () => {
      if (this.instrumentation === instrumentation) {
        this.instrumentation = undefined;
      }
    };
  }

  /** Whether there is one. */
  get any(): boolean {
    return this.instrumentation !== undefined;
  }

  startPush(describe: () => PushInfo): InstrumentedPush | undefined {
    const { instrumentation } = this;
    const started = instrumentation && this.guard(() => instrumentation.startPush(describe()));
    return (
      started && {
        trace: started.trace,
        run: (store) => this.around(started, store),
        succeeded: (results) => this.guard(() => started.succeeded(results)),
        failed: (error) => this.guard(() => started.failed(error)),
      }
    );
  }

  startAttempt(describe: () => AttemptInfo): InstrumentedAttempt | undefined {
    const { instrumentation } = this;
    const started = instrumentation && this.guard(() => instrumentation.startAttempt(describe()));
    return (
      started && {
        run: (body) => this.around(started, body),
        ended: (as, error) => this.guard(() => started.ended(as, error)),
      }
    );
  }

  /** Calls `work` exactly once, whatever the instrumentation does. */
  private around<T>(started: { run<R>(work: () => R): R }, work: () => T): T {
    let called: { readonly result: T } | undefined;
    this.guard(() => started.run(() => (called ??= { result: work() }).result));
    return called ? called.result : work();
  }

  /**
   * Calls `work` in an async context of the queue's own, outside of every trace. All background work begins here, whoever started it.
   */
  background<T>(work: () => T): T {
    return detached(() => {
      const { instrumentation } = this;
      return instrumentation?.background
        ? this.around({ run: (own) => instrumentation.background!(own) }, work)
        : work();
    });
  }

  private guard<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      this.events.emit({ type: 'subscriber-failed', error });
      return undefined;
    }
  }
}
