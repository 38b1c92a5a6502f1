import type { QueueChanges } from '../cluster/push/queue-changes.js';
import type { QueuePusher } from '../cluster/push/queue-pusher.js';
import type { ProcessingLifecycle } from '../cluster/process/processing-lifecycle.js';
import { InvalidOptionError } from '../errors/pg-queue.errors.js';
import type { QueueEventListener, QueueEvents } from '../events/queue-events.js';
import type { HandlerFunction } from '../handlers/registered-handler.js';
import type { TaskHandlerRegistry } from '../handlers/task-handler.registry.js';
import type { KindSlots } from '../inspect/kind-slots.js';
import type { KindOptions } from '../task/kind-options.js';
import type { NewTask, PushOptions, PushResult, RetryOptions, ShardOptions } from '../task/task.js';
import { type KindRef, kindOf, type TaskDefinition } from '../task/task-definition.js';

/**
 * The queue, for the application: pushes, cancels and retries tasks, and starts and stops their processing.
 * @publicApi
 */
export class QueueService {
  /** @internal Nest makes it: inject it by its class. */
  constructor(
    private readonly pusher: QueuePusher,
    private readonly changes: QueueChanges,
    private readonly registry: TaskHandlerRegistry,
    private readonly lifecycle: ProcessingLifecycle,
    private readonly queueEvents: QueueEvents,
  ) {}

  /**
   * Pushes one task: in the caller's transaction when `manager` or `executor` is given, so that it commits or rolls back with it.
   * @throws InvalidTaskError when the task can't be stored; nothing was written
   * @throws UnexpectedTaskKindError for the bare number of a kind that has no handler here
   * @throws InvalidManagerError when the transaction is foreign, released or has failed
   * @throws PushOutcomeUnknownError when it may be stored although no answer came; in the caller's transaction its end decides
   */
  pushTask<Payload>(task: NewTask<Payload>, options: PushOptions = {}): Promise<PushResult> {
    return this.pusher.pushTask(task, options);
  }

  /**
   * Pushes any number of tasks, all or none in each shard, in bounded statements; `options` are for each of them. On a query runner
   * or an `executor` without an open transaction each statement commits by itself.
   * @returns what became of each, in order
   * @throws PartialFailureError when some shards failed and not all: no transaction spans them; its `result` says what became of each
   * @throws InvalidTaskError and the others as `pushTask` does, naming the task by its index: `tasks[3].payload`
   */
  pushTasks(tasks: readonly NewTask[], options: PushOptions = {}): Promise<PushResult[]> {
    return this.pusher.pushTasks(tasks, options);
  }

  /**
   * Cancels the open task of this key, in every shard unless `manager` or `shardKey` means one; the signal of a running attempt is
   * aborted, wherever it runs, and its outcome is discarded.
   * Running attempts are aborted at the commit.
   * @returns whether there was one
   * @throws InvalidTaskError, UnexpectedTaskKindError, InvalidManagerError; PartialFailureError when some shards failed and not all
   */
  cancelTaskByKey(kind: KindRef, externalKey: string, options: ShardOptions = {}): Promise<boolean> {
    return this.changes.cancelByKey(kind, externalKey, options);
  }

  /**
   * Gives tasks that have no attempts left new ones (by default the kind's `maxAttempts`), the oldest first and at most `limit`
   * (1,000); they are due now. With several shards one after the other, unless `manager` or `shardKey` means one.
   * @returns how many
   * @throws InvalidOptionError, UnexpectedTaskKindError, InvalidManagerError; PartialFailureError when some shards failed and not all
   */
  retryTasks(kind: KindRef, options: RetryOptions = {}): Promise<number> {
    return this.changes.retry(kind, options);
  }

  /**
   * Registers a handler without a decorator; while processing runs it takes effect at once.
   * @param options over the definition's own; `attemptTimeout` and `backoff` are required in one of the two
   * @throws InvalidOptionError for a wrong or missing option
   * @throws DuplicateKindError when the kind, or its name, has a handler already
   */
  registerKind<Output>(
    kind: TaskDefinition<any, Output>,
    handler: HandlerFunction<Output>,
    options?: KindOptions,
  ): void;
  registerKind(kind: number, handler: HandlerFunction, options?: KindOptions): void;
  registerKind(kind: KindRef, handler: HandlerFunction, options?: KindOptions): void {
    if (typeof handler !== 'function') {
      throw new InvalidOptionError(`kind ${kindOf(kind)}: handler`, handler, 'must be a function');
    }
    this.registry.register(kind, handler, options, 'registerKind');
  }

  /**
   * Starts processing, when this process has handlers. Idempotent; safe to call at once with `stop`: the last call decides.
   * @throws SchemaMismatchError when the queue's tables are missing, of another version, or not accessible
   */
  start(): Promise<void> {
    return this.lifecycle.start();
  }

  /**
   * Stops processing: claims nothing more, waits for running handlers for `shutdownTimeout`, then aborts their signals and gives
   * their tasks back. Pushing goes on. Idempotent.
   */
  stop(): Promise<void> {
    return this.lifecycle.stop();
  }

  /** @internal Whether a stop is under way, or the application is shutting down: from the first moment on. */
  get ending(): 'stopping' | 'closed' | undefined {
    const { isClosed, isStopping } = this.lifecycle;
    return isClosed ? 'closed' : isStopping ? 'stopping' : undefined;
  }

  /** The slots of each kind that this process handles, as they are now; none while processing is stopped. */
  slots(): KindSlots[] {
    return this.lifecycle.slots();
  }

  /**
   * Subscribes to what happens in this process; a listener that throws breaks nothing.
   * @returns a function that ends the subscription
   */
  subscribe(listener: QueueEventListener): () => void {
    return this.queueEvents.subscribe(listener);
  }
}
