import type { TaskHandlerRegistry } from '../../handlers/task-handler.registry.js';
import { pushInstrumented } from '../../producer/instrumented-push.js';
import { TaskDrafter } from '../../producer/task-drafter.js';
import { needsTransaction } from '../../producer/task-pusher.js';
import type { RunStatement } from '../../storage/executor.js';
import type { Instruments, PushInfo } from '../../events/instrumentation.js';
import { isObject } from '../../errors/check.js';
import { InvalidTaskError } from '../../errors/pg-queue.errors.js';
import type { NewTask, PushOptions, PushResult } from '../../task/task.js';
import type { TaskDraft } from '../../task/task-draft.js';
import type { TransactionOptions } from '../../task/transaction.js';
import type { QueueDatabase } from '../queue-database.js';
import type { QueueDatabases } from '../queue-databases.js';
import { countPushed } from './pushed-count.js';
import { type CallerTransaction, commitsItself, transactionOf, withOutcome } from './caller-transaction.js';
import {
  groupByShard,
  type ShardDrafts,
  type ShardKeys,
  shardKeysOf,
  storeInShards,
} from './sharded-push.js';

export interface QueuePusherDeps {
  databases: QueueDatabases;
  registry: TaskHandlerRegistry;
  instruments: Instruments;
  maxPayloadBytes: number;
  /** The transaction that the application is in, where a push names none. */
  ambientTransaction: () => TransactionOptions['manager'];
}

/** What all tasks of one push have in common. */
interface PushCall {
  readonly keys: ShardKeys;
  readonly transaction: CallerTransaction;
  readonly replace: boolean;
  /** Whether the push is a call of `pushTasks`. */
  readonly isBatch: boolean;
}

/** Pushes tasks to the databases that they belong to: checks, drafts, traces, groups, stores and reports them, in this order. */
export class QueuePusher {
  private readonly drafter: TaskDrafter;

  constructor(private readonly deps: QueuePusherDeps) {
    this.drafter = new TaskDrafter(deps.registry, deps.maxPayloadBytes);
  }

  /** @throws as `QueueService.pushTask` */
  async pushTask(task: NewTask, options: PushOptions): Promise<PushResult> {
    const { drafter } = this;
    const settings = drafter.settings(options);
    const keys = shardKeysOf([task], options, false);
    const draft = await drafter.draft(task, settings);
    const transaction = transactionOf(options, this.deps.ambientTransaction);
    const { replace } = settings;
    const [result] = await this.push([draft], { keys, transaction, replace, isBatch: false });
    return result!;
  }

  /** @throws as `QueueService.pushTasks` */
  async pushTasks(tasks: readonly NewTask[], options: PushOptions): Promise<PushResult[]> {
    if (!Array.isArray(tasks)) {
      throw new InvalidTaskError('tasks', tasks, 'must be an array');
    }
    const { drafter } = this;
    const settings = drafter.settings(options);
    const taken = this.deps.databases.areNamed ? tasks.map(copyOf) : tasks;
    const keys = shardKeysOf(taken, options, true);
    const drafts = await drafter.draftAll(taken, settings);
    if (drafts.length === 0) {
      return [];
    }
    const transaction = transactionOf(options, this.deps.ambientTransaction);
    return this.push(drafts, { keys, transaction, replace: settings.replace, isBatch: true });
  }

  /** Traces the push, groups the tasks by shard, and stores each group. */
  private push(drafts: readonly TaskDraft[], call: PushCall): Promise<PushResult[]> {
    const { instruments, databases } = this.deps;
    const describe = () => this.describe(drafts, call.isBatch);
    return pushInstrumented(instruments, describe, drafts, async (traced) => {
      const groups = groupByShard(databases, traced, call.keys, call.transaction);
      return storeInShards(groups, (group) => this.storeInShard(group, call));
    });
  }

  /** Stores the tasks of one shard, and reports them. */
  private async storeInShard({ shard, drafts }: ShardDrafts, call: PushCall): Promise<PushResult[]> {
    const write = () => this.write(shard, drafts, call);
    const results = shard.withIds(await withOutcome('push', write, call.transaction));
    for (const [kind, count] of countPushed(drafts, results)) {
      shard.events.emit({ type: 'tasks-pushed', kind, name: this.deps.registry.nameOf(kind), count });
    }
    return results;
  }

  /** Runs the statements: in the caller's transaction, in one of the queue's own, or one that commits by itself. */
  private write(
    shard: QueueDatabase,
    drafts: readonly TaskDraft[],
    { transaction, replace }: PushCall,
  ): Promise<PushResult[]> {
    const { database, pusher } = shard;
    const store = (run: RunStatement) => pusher.push(run, drafts, replace, commitsItself(transaction));
    if (needsTransaction(drafts)) {
      return database.transaction(store, transaction);
    }
    return transaction ? store(database.runIn(transaction)) : shard.pushAutocommit(drafts, replace);
  }

  private describe(drafts: readonly TaskDraft[], isBatch: boolean): PushInfo {
    const kinds = [...new Set(drafts.map(({ kind }) => kind))];
    return {
      kinds: kinds.map((kind) => ({ kind, name: this.deps.registry.nameOf(kind) })),
      count: drafts.length,
      batch: isBatch,
    };
  }
}

/** Copies a task, so that its payload is stored by the key that stood beside it, whatever the caller does with its objects meanwhile. */
function copyOf(task: NewTask): NewTask {
  return isObject(task) ? { ...task } : task;
}
