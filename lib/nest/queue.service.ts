import type { DraftSettings, TaskDrafter } from '../producer/task-drafter.js';
import { externalKeyOf, shardKeyOf } from '../producer/task-drafter.js';
import { pushInstrumented } from '../producer/instrumented-push.js';
import { withKnownOutcome } from '../producer/known-outcome.js';
import { needsTransaction } from '../producer/task-pusher.js';
import type { HandlerFunction } from '../handlers/registered-handler.js';
import type { TaskHandlerRegistry } from '../handlers/task-handler.registry.js';
import type { Shard } from '../cluster/shard.js';
import { retryInParts } from '../cluster/push/retry-in-parts.js';
import { groupByShard, regroup, type ShardDrafts, storeInShards } from '../cluster/push/sharded-push.js';
import type { ShardHints, Shards } from '../cluster/shards.js';
import { commitsAlone, commitsEach } from '../storage/executor.js';
import type { RunStatement } from '../storage/executor.js';
import { mayBeRowError } from '../storage/sql-state.js';
import type { Instruments } from '../events/instrumentation.js';
import type { KindOptions } from '../task/kind-options.js';
import { MAX_ATTEMPTS } from '../task/kind-options.js';
import type { KindSlots } from '../inspect/kind-slots.js';
import type { KindName, QueueEventListener, QueueEvents } from '../events/queue-events.js';
import { InvalidManagerError, InvalidOptionError, InvalidTaskError } from '../errors/pg-queue.errors.js';
import { askShards, askShardsInTurn, resultOf, sumOf } from '../cluster/shard-answers.js';
import type { TaskDraft } from '../task/task-draft.js';
import type { NewTask, PushOptions, PushResult, RetryOptions } from '../task/task.js';
import type { KindRef, TaskDefinition } from '../task/task-definition.js';
import { kindOf } from '../task/task-definition.js';
import type { Executor, Manager, ShardOptions, TransactionOptions } from '../task/transaction.js';
import type { TaskScheduler } from '../cluster/process/processing-lifecycle.js';

const DEFAULT_RETRY_LIMIT = 1000;

/**
 * The queue, for the application: pushes, cancels and retries tasks, and starts and stops their processing.
 * @publicApi
 */
export class QueueService {
  /** @internal Nest makes it: inject it by its class. */
  constructor(
    private readonly shards: Shards,
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
   * @throws PushOutcomeUnknownError when it may be stored although no answer came; in the caller's transaction its end decides
   */
  async pushTask<Payload>(task: NewTask<Payload>, options: PushOptions = {}): Promise<PushResult> {
    const settings = this.drafter.settings(options);
    const draft = await this.drafter.draft(task, settings);
    const [result] = await this.push([draft], settings, options, false);
    return result!;
  }

  /**
   * Pushes any number of tasks, all or none in each shard, in bounded statements; `options` are for each of them. On a query runner
   * or an `executor` without an open transaction each statement commits by itself.
   * @returns what became of each, in order
   * @throws ShardsFailedError when some shards failed and not all: no transaction spans them; its `result` says what became of each
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
   * Cancels the open task of this key, in every shard unless `manager` or `shardKey` means one; the signal of a running attempt is
   * aborted, wherever it runs, and its outcome is discarded.
   * Running attempts are told at the commit.
   * @returns whether there was one
   * @throws InvalidTaskError, UnexpectedTaskKindError, InvalidManagerError; ShardsFailedError when some shards failed and not all
   */
  async cancelTaskByKey(kind: KindRef, externalKey: string, options: ShardOptions = {}): Promise<boolean> {
    const key = externalKeyOf('externalKey', externalKey);
    if (key === null) {
      throw new InvalidTaskError('externalKey', externalKey, 'must be a text');
    }
    const { kind: number, name } = this.registry.optionsOf(kind);
    const hints = this.hintsOf(options);
    const asked = await askShards(this.shards.routeChange(hints), async (shard) => {
      const cancel = () => shard.cancelByKey(runnerIn(shard, hints), number, key);
      const cancelled = await knowing('change', cancel, hints.transaction);
      if (cancelled) {
        shard.events.emit({ type: 'task-cancelled', kind: number, name });
      }
      return cancelled;
    });
    return resultOf(asked, [...asked.answers.values()].includes(true));
  }

  /**
   * Gives tasks that have no attempts left new ones (by default the kind's `maxAttempts`), the oldest first and at most `limit`
   * (1,000); they are due now. With several shards one after the other, unless `manager` or `shardKey` means one.
   * @returns how many
   * @throws InvalidOptionError, UnexpectedTaskKindError, InvalidManagerError; ShardsFailedError when some shards failed and not all
   */
  async retryTasks(kind: KindRef, options: RetryOptions = {}): Promise<number> {
    const known = this.registry.optionsOf(kind);
    const { attempts = known.maxAttempts, limit = DEFAULT_RETRY_LIMIT } = options;
    assertCount('attempts', attempts, MAX_ATTEMPTS);
    assertCount('limit', limit, Number.MAX_SAFE_INTEGER);
    const { kind: number, name } = known;
    const hints = this.hintsOf(options);
    const asked = await askShardsInTurn(this.shards.routeChange(hints), limit, async (shard, left) => {
      const run = runnerIn(shard, hints);
      const retry = () => shard.tasks.retryBroken(run, number, attempts, left);
      const count = await knowing('change', retry, hints.transaction).catch((error: unknown) => {
        // What has failed within the caller's transaction is the caller's to roll back.
        if (hints.transaction || !mayBeRowError(error)) {
          throw error;
        }
        return retryInParts(shard, known, attempts, left, error);
      });
      if (count > 0) {
        shard.events.emit({ type: 'tasks-retried', kind: number, name, count });
      }
      return count;
    });
    return resultOf(asked, sumOf(asked));
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

  /** @internal Whether a stop is under way, or the application is shutting down: from the first moment on. */
  get ending(): 'stopping' | 'closed' | undefined {
    const { isClosed, isStopping } = this.scheduler;
    return isClosed ? 'closed' : isStopping ? 'stopping' : undefined;
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
    { replace }: DraftSettings,
    options: PushOptions,
    batch: boolean,
  ): Promise<PushResult[]> {
    const transaction = this.transactionOf(options);
    const fieldOf = (place: number) => (batch ? `tasks[${place}].shardKey` : 'shardKey');
    const groups = groupByShard(this.shards, drafts, transaction, fieldOf);
    const describe = () => ({ kinds: this.kindsOf(drafts), count: drafts.length, batch });
    return pushInstrumented(this.instruments, describe, drafts, (carrying) =>
      storeInShards(carrying === drafts ? groups : regroup(groups, carrying), (group) =>
        this.store(group, replace, transaction),
      ),
    );
  }

  private kindsOf(drafts: readonly TaskDraft[]): KindName[] {
    const kinds = new Set(drafts.map(({ kind }) => kind));
    return [...kinds].map((kind) => ({ kind, name: this.registry.nameOf(kind) }));
  }

  private async store(
    { shard, drafts }: ShardDrafts,
    replace: boolean,
    transaction: Manager | Executor | undefined,
  ): Promise<PushResult[]> {
    const results = await this.storeIn(shard, drafts, replace, transaction);
    this.report(shard, drafts, results);
    return results;
  }

  private async storeIn(
    shard: Shard,
    drafts: readonly TaskDraft[],
    replace: boolean,
    transaction: Manager | Executor | undefined,
  ): Promise<PushResult[]> {
    const { database, pusher } = shard;
    const commits = isAlone(transaction) || commitsEach(transaction!);
    const store = (run: RunStatement) => pusher.push(run, drafts, replace, commits);
    const push = () => {
      if (needsTransaction(drafts)) {
        return database.transaction(store, transaction);
      }
      return transaction ? store(database.runIn(transaction)) : shard.pushAlone(drafts, replace);
    };
    return shard.withIds(await knowing('push', push, transaction));
  }

  private report({ events }: Shard, drafts: readonly TaskDraft[], results: readonly PushResult[]): void {
    for (const [kind, count] of countPushed(drafts, results)) {
      events.emit({ type: 'tasks-pushed', kind, name: this.registry.nameOf(kind), count });
    }
  }

  private transactionOf({ manager, executor }: TransactionOptions): Manager | Executor | undefined {
    if (manager && executor) {
      throw new InvalidManagerError('manager, executor: give one of them, not both');
    }
    return manager ?? executor ?? this.ambientTransaction();
  }

  private hintsOf(options: ShardOptions): ShardHints {
    return { transaction: this.transactionOf(options), shardKey: shardKeyOf('shardKey', options.shardKey) };
  }
}

/** By kind. Most pushes are of one, which is counted without a look-up for each task. */
function countPushed(drafts: readonly TaskDraft[], results: readonly PushResult[]): Map<number, number> {
  const counts = new Map<number, number>();
  let kind = drafts[0]!.kind;
  let count = 0;
  for (let place = 0; place < drafts.length; place++) {
    const draft = drafts[place]!;
    if (draft.kind !== kind) {
      counts.set(kind, count);
      kind = draft.kind;
      count = counts.get(kind) ?? 0;
    }
    count += Number(results[place]!.status === 'pushed');
  }
  counts.set(kind, count);
  return new Map([...counts].filter(([, pushed]) => pushed > 0));
}

function runnerIn({ database }: Shard, { transaction }: ShardHints): RunStatement {
  return transaction ? database.runIn(transaction) : database.run;
}

/** Whether a change has no transaction but the queue's. */
function isAlone(transaction: Manager | Executor | undefined): boolean {
  return transaction === undefined || commitsAlone(transaction);
}

/** In a transaction of the caller's, its end decides. */
function knowing<T>(
  what: 'push' | 'change',
  make: () => Promise<T>,
  transaction: Manager | Executor | undefined,
): Promise<T> {
  const alone = isAlone(transaction);
  return alone || commitsEach(transaction!) ? withKnownOutcome(what, make, alone) : make();
}

function assertCount(field: string, value: number, max: number): void {
  if (!Number.isInteger(value) || value < 1 || value > max) {
    throw new InvalidOptionError(field, value, `must be an integer from 1 to ${max}`);
  }
}
