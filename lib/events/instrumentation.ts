import { detached } from '../timing/detached.js';
import type { QueueEvents } from './queue-events.js';
import type { KindName, SettledAs } from '../task/task-name.js';
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
export interface AttemptInfo extends KindName {
  readonly id: string;
  /** Counts from 1. */
  readonly attempt: number;
  /** What the push gave its tasks to carry. */
  readonly trace: string | null;
}

/** What is made of one push. */
export interface InstrumentedPush {
  /** Stored with each task, and given to each of its attempts; null: nothing is. */
  readonly trace: string | null;
  /** Calls `store`, and returns what it returns. */
  run<T>(store: () => T): T;
  succeeded(results: readonly PushResult[]): void;
  failed(error: unknown): void;
}

/** What is made of one attempt. */
export interface InstrumentedAttempt {
  /** Calls `body`, and returns what it returns. */
  run<T>(body: () => T): T;
  /** When the attempt gives its slot up; a body that outlives its attempt may go on. */
  ended(as: SettledAs, error: unknown): void;
}

/** What surrounds pushes and attempts, as a tracer does: called once for each. */
export interface Instrumentation {
  startPush(push: PushInfo): InstrumentedPush;
  startAttempt(attempt: AttemptInfo): InstrumentedAttempt;
  /** Calls `work`, which is the queue's own and of no push and no attempt, and returns what it returns. */
  background?<T>(work: () => T): T;
}

/** Where an instrumentation is registered; without one, a push and an attempt cost a comparison. What it throws breaks nothing. */
export class Instruments {
  private instrumentation: Instrumentation | undefined;

  constructor(private readonly events: QueueEvents) {}

  /** In place of the one before. @returns a function that ends it. */
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

  /** Whatever the instrumentation does, `work` is called, and once. */
  private around<T>(started: { run<R>(work: () => R): R }, work: () => T): T {
    let called: { readonly result: T } | undefined;
    this.guard(() => started.run(() => (called ??= { result: work() }).result));
    return called ? called.result : work();
  }

  /**
   * Calls `work` as the queue's own: in an async context that is nobody's, outside of every trace. All that goes on in the background
   * begins here, whoever asked for it.
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
