import type { DraftSettings, TaskDrafter } from './producer/task-drafter.js';
import { externalKeyOf } from './producer/task-drafter.js';
import { pushInstrumented } from './producer/instrumented-push.js';
import { needsTransaction } from './producer/task-pusher.js';
import type { HandlerFunction } from './handlers/registered-handler.js';
import type { TaskHandlerRegistry } from './handlers/task-handler.registry.js';
import type { QueueDatabase } from './queue-database.js';
import type { RunStatement } from './storage/executor.js';
import type { Instruments } from './task/instrumentation.js';
import type { KindOptions } from './task/kind-options.js';
import { MAX_ATTEMPTS } from './task/kind-options.js';
import type { KindSlots } from './task/kind-slots.js';
import type { KindName, QueueEventListener, QueueEvents } from './task/queue-events.js';
import { InvalidManagerError, InvalidOptionError, InvalidTaskError } from './task/task.errors.js';
import type { TaskDraft } from './task/task-draft.js';
import type { NewTask, PushOptions, PushResult, RetryOptions } from './task/task.js';
import type { KindRef, TaskDefinition } from './task/task-definition.js';
import { kindOf } from './task/task-definition.js';
import type { Executor, Manager, TransactionOptions } from './task/transaction.js';
import type { TaskScheduler } from './worker/task-scheduler.js';

const DEFAULT_RETRY_LIMIT = 1000;

/**
 * The queue, for the application: pushes, cancels and retries tasks, and starts and stops their processing.
 * @publicApi
 */
export class QueueService {
  /** @internal Nest makes it: inject it by its class. */
  constructor(
    private readonly database: QueueDatabase,
    private readonly registry: TaskHandlerRegistry,
    private readonly drafter: TaskDrafter,
    private readonly scheduler: TaskScheduler,
    private readonly queueEvents: QueueEvents,
    private readonly instruments: Instruments,
    private readonly ambientTransaction: () => TransactionOptions['manager'],
  ) {}

  /**
   * Pushes one task: in the caller's transaction when `manager` or `executor` is given, so that it commits or rolls back with it.
   * @throws InvalidTaskError when the task can't be stored; nothing was written
   * @throws UnexpectedTaskKindError for the bare number of a kind that has no handler here
   * @throws InvalidManagerError when the transaction is foreign, released or has failed
   */
  async pushTask<Payload>(task: NewTask<Payload>, options: PushOptions = {}): Promise<PushResult> {
    const settings = this.drafter.settings(options);
    const draft = await this.drafter.draft(task, settings);
    const [result] = await this.push([draft], settings, options, false);
    return result!;
  }

  /**
   * Pushes any number of tasks, all or none, in bounded statements; `options` are for each of them. On a query runner or an
   * `executor` without an open transaction each statement commits by itself.
   * @returns what became of each, in order
   * @throws InvalidTaskError and the others as `pushTask` does, naming the task by its place: `tasks[3].payload`
   */
  async pushTasks(tasks: readonly NewTask[], options: PushOptions = {}): Promise<PushResult[]> {
    if (!Array.isArray(tasks)) {
      throw new InvalidTaskError('tasks', tasks, 'must be an array');
    }
    const settings = this.drafter.settings(options);
    const drafts = await this.drafter.draftAll(tasks, settings);
    return drafts.length === 0 ? [] : this.push(drafts, settings, options, true);
  }

  /**
   * Cancels the open task of this key; the signal of a running attempt is aborted, wherever it runs, and its outcome is discarded.
   * Running attempts are told at the commit.
   * @returns whether there was one
   * @throws InvalidTaskError, UnexpectedTaskKindError, InvalidManagerError
   */
  async cancelTaskByKey(
    kind: KindRef,
    externalKey: string,
    options: TransactionOptions = {},
  ): Promise<boolean> {
    const key = externalKeyOf('externalKey', externalKey);
    if (key === null) {
      throw new InvalidTaskError('externalKey', externalKey, 'must be a text');
    }
    const { kind: number, name } = this.registry.optionsOf(kind);
    const cancelled = await this.database.tasks.cancelByKey(this.runnerOf(options), number, key);
    if (cancelled) {
      this.queueEvents.emit({ type: 'task-cancelled', kind: number, name });
    }
    return cancelled;
  }

  /**
   * Gives tasks that have no attempts left new ones (by default the kind's `maxAttempts`), the oldest first and at most `limit`
   * (1,000); they are due now.
   * @returns how many
   * @throws InvalidOptionError, UnexpectedTaskKindError, InvalidManagerError
   */
  async retryTasks(kind: KindRef, options: RetryOptions = {}): Promise<number> {
    const known = this.registry.optionsOf(kind);
    const { attempts = known.maxAttempts, limit = DEFAULT_RETRY_LIMIT } = options;
    assertCount('attempts', attempts, MAX_ATTEMPTS);
    assertCount('limit', limit, Number.MAX_SAFE_INTEGER);
    const { kind: number, name } = known;
    const count = await this.database.tasks.retryBroken(this.runnerOf(options), number, attempts, limit);
    if (count > 0) {
      this.queueEvents.emit({ type: 'tasks-retried', kind: number, name, count });
    }
    return count;
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
    return this.scheduler.start();
  }

  /**
   * Stops processing: claims nothing more, waits for running handlers for `shutdownTimeout`, then aborts their signals and gives
   * their tasks back. Pushing goes on. Idempotent.
   */
  stop(): Promise<void> {
    return this.scheduler.stop();
  }

  /** The slots of each kind that this process handles, as they are now; none while processing is stopped. */
  slots(): KindSlots[] {
    return this.scheduler.slots();
  }

  /**
   * Subscribes to what happens in this process; a listener that throws breaks nothing.
   * @returns a function that ends the subscription
   */
  subscribe(listener: QueueEventListener): () => void {
    return this.queueEvents.subscribe(listener);
  }

  private async push(
    drafts: readonly TaskDraft[],
    settings: DraftSettings,
    options: PushOptions,
    batch: boolean,
  ): Promise<PushResult[]> {
    const describe = () => ({ kinds: this.kindsOf(drafts), count: drafts.length, batch });
    const results = await pushInstrumented(this.instruments, describe, drafts, (carrying) =>
      this.store(carrying, settings, options),
    );
    this.report(drafts, results);
    return results;
  }

  private kindsOf(drafts: readonly TaskDraft[]): KindName[] {
    const kinds = new Set(drafts.map(({ kind }) => kind));
    return [...kinds].map((kind) => ({ kind, name: this.registry.nameOf(kind) }));
  }

  private async store(
    drafts: readonly TaskDraft[],
    { replace }: DraftSettings,
    options: PushOptions,
  ): Promise<PushResult[]> {
    const transaction = this.transactionOf(options);
    const { database, pusher } = this.database;
    const store = (run: RunStatement) => pusher.push(run, drafts, replace);
    if (needsTransaction(drafts)) {
      return database.transaction(store, transaction);
    }
    return transaction ? store(database.runIn(transaction)) : this.database.pushAlone(drafts, replace);
  }

  private report(drafts: readonly TaskDraft[], results: readonly PushResult[]): void {
    const counts = new Map<number, number>();
    for (const [index, { kind }] of drafts.entries()) {
      if (results[index]!.status === 'pushed') {
        counts.set(kind, (counts.get(kind) ?? 0) + 1);
      }
    }
    for (const [kind, count] of counts) {
      this.queueEvents.emit({ type: 'tasks-pushed', kind, name: this.registry.nameOf(kind), count });
    }
  }

  private runnerOf(options: TransactionOptions): RunStatement {
    const transaction = this.transactionOf(options);
    const { database } = this.database;
    return transaction ? database.runIn(transaction) : database.run;
  }

  private transactionOf({ manager, executor }: TransactionOptions): Manager | Executor | undefined {
    if (manager && executor) {
      throw new InvalidManagerError('manager, executor: give one of them, not both');
    }
    return manager ?? executor ?? this.ambientTransaction();
  }
}

function assertCount(field: string, value: number, max: number): void {
  if (!Number.isInteger(value) || value < 1 || value > max) {
    throw new InvalidOptionError(field, value, `must be an integer from 1 to ${max}`);
  }
}
