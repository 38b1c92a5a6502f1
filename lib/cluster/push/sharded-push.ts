import { InvalidTaskError } from '../../errors/pg-queue.errors.js';
import type { NewTask, PushOptions, PushResult, ShardKey } from '../../task/task.js';
import type { TaskDraft } from '../../task/task-draft.js';
import { callDatabases, resultOf } from '../database-results.js';
import type { QueueDatabase } from '../queue-database.js';
import type { QueueDatabases } from '../queue-databases.js';
import type { CallerTransaction } from './caller-transaction.js';

/** The keys that decide to which shards the tasks of a push belong, as they were when the push was called. */
export interface ShardKeys {
  /** The key of all tasks that have none of their own. */
  readonly common: ShardKey | undefined;
  /** The tasks' own keys; null: no task has one. */
  readonly own: readonly (ShardKey | undefined)[] | null;
  /** The name of a task's key in errors. */
  readonly fieldOf: (index: number) => string;
}

/** The drafts that belong to one shard. */
export interface ShardDrafts {
  readonly shard: QueueDatabase;
  readonly name: string;
  readonly drafts: readonly TaskDraft[];
  /** Their indexes in the push; null: they are all of it. */
  readonly indexes: readonly number[] | null;
}

const SHARD_KEY_TYPES: ReadonlySet<string> = new Set(['string', 'number', 'bigint']);

/** @throws InvalidTaskError for a key of a type that `shardOf` does not take */
export function shardKeyOf(field: string, key: ShardKey | undefined): ShardKey | undefined {
  if (key !== undefined && !SHARD_KEY_TYPES.has(typeof key)) {
    throw new InvalidTaskError(field, key, 'must be a string, a number or a bigint');
  }
  return key;
}

/**
 * Reads the keys of a push's tasks.
 * @throws InvalidTaskError for a key that is none
 */
export function shardKeysOf(tasks: readonly NewTask[], options: PushOptions, isBatch: boolean): ShardKeys {
  const common = shardKeyOf('shardKey', options.shardKey);
  let own: (ShardKey | undefined)[] | null = null;
  for (let index = 0; index < tasks.length; index++) {
    const key = tasks[index]?.shardKey;
    if (key !== undefined) {
      own ??= Array.from({ length: tasks.length });
      own[index] = shardKeyOf(isBatch ? `tasks[${index}].shardKey` : 'task.shardKey', key);
    }
  }
  return { common, own, fieldOf: (index) => (isBatch ? `tasks[${index}].shardKey` : 'shardKey') };
}

/**
 * Groups drafts by the shard that they belong to.
 * @throws InvalidTaskError, InvalidManagerError as `QueueDatabases.routePush` does; InvalidTaskError where one transaction would be of two shards
 */
export function groupByShard(
  databases: QueueDatabases,
  drafts: readonly TaskDraft[],
  { common, own, fieldOf }: ShardKeys,
  transaction: CallerTransaction,
): ShardDrafts[] {
  if (!databases.areNamed) {
    const shard = databases.all[0]!;
    return [{ shard, name: shard.name, drafts, indexes: null }];
  }
  const groups = new Map<QueueDatabase, { drafts: TaskDraft[]; indexes: number[] }>();
  for (const [index, draft] of drafts.entries()) {
    const shardKey = own?.[index] ?? common;
    const shard = databases.routePush({ transaction, shardKey }, fieldOf(index));
    const group = groups.get(shard) ?? { drafts: [], indexes: [] };
    if (transaction && groups.size > 0 && !groups.has(shard)) {
      const [first] = groups.keys();
      throw new InvalidTaskError(
        fieldOf(index),
        shardKey,
        `must lead to shard ${first!.name}, as those before it: the transaction is of one shard`,
      );
    }
    group.drafts.push(draft);
    group.indexes.push(index);
    groups.set(shard, group);
  }
  return [...groups].map(([shard, group]) => ({ shard, name: shard.name, ...group }));
}

/**
 * Stores the drafts of each shard, all shards at the same time.
 * @returns the result of each task, in the order of the push
 * @throws PartialFailureError with these results, where some shards failed; of a single shard its own error
 */
export async function storeInShards(
  groups: readonly ShardDrafts[],
  store: (group: ShardDrafts) => Promise<PushResult[]>,
): Promise<PushResult[]> {
  const [first] = groups;
  if (groups.length === 1) {
    return store(first!);
  }
  const stored = await callDatabases(groups, store);
  const results: PushResult[] = [];
  for (const [{ indexes }, ofShard] of stored.results) {
    indexes!.forEach((index, position) => (results[index] = ofShard[position]!));
  }
  for (const { indexes, name } of stored.errors.keys()) {
    indexes!.forEach((index) => (results[index] = { id: null, status: 'failed', shard: name }));
  }
  return resultOf(stored, results);
}
