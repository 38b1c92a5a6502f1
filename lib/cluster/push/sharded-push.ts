import type { Shard } from '../shard.js';
import type { ShardHints, Shards } from '../shards.js';
import { askShards, resultOf } from '../shard-answers.js';
import { InvalidTaskError } from '../../errors/pg-queue.errors.js';
import type { PushResult } from '../../task/task.js';
import type { TaskDraft } from '../../task/task-draft.js';

/** The drafts that belong to one shard. */
export interface ShardDrafts {
  readonly shard: Shard;
  readonly drafts: readonly TaskDraft[];
  /** Where they are in the push; null: they are all of it. */
  readonly places: readonly number[] | null;
}

/**
 * Which drafts belong to which shard.
 * @param fieldOf how errors name the key of a draft
 * @throws InvalidTaskError, InvalidManagerError as `Shards.routePush` does; InvalidTaskError where one transaction would be of two shards
 */
export function groupByShard(
  shards: Shards,
  drafts: readonly TaskDraft[],
  transaction: ShardHints['transaction'],
  fieldOf: (place: number) => string,
): ShardDrafts[] {
  if (!shards.areNamed) {
    return [{ shard: shards.all[0]!, drafts, places: null }];
  }
  const groups = new Map<Shard, { drafts: TaskDraft[]; places: number[] }>();
  for (const [place, draft] of drafts.entries()) {
    const shard = shards.routePush({ transaction, shardKey: draft.shardKey }, fieldOf(place));
    const group = groups.get(shard) ?? { drafts: [], places: [] };
    if (transaction && groups.size > 0 && !groups.has(shard)) {
      const [first] = groups.keys();
      throw new InvalidTaskError(
        fieldOf(place),
        draft.shardKey,
        `must lead to shard ${first!.name}, as those before it: the transaction is of one shard`,
      );
    }
    group.drafts.push(draft);
    group.places.push(place);
    groups.set(shard, group);
  }
  return [...groups].map(([shard, group]) => ({ shard, ...group }));
}

/** The same groups of the same drafts, after each draft was replaced. */
export function regroup(groups: readonly ShardDrafts[], drafts: readonly TaskDraft[]): ShardDrafts[] {
  return groups.map((group) => ({
    ...group,
    drafts: group.places ? group.places.map((place) => drafts[place]!) : drafts,
  }));
}

/**
 * Stores what belongs to each shard, at the same time and each by itself.
 * @returns what became of each task, in the order of the push
 * @throws ShardsFailedError that says it, where some shards failed; of a single shard its own error
 */
export async function storeInShards(
  groups: readonly ShardDrafts[],
  store: (group: ShardDrafts) => Promise<PushResult[]>,
): Promise<PushResult[]> {
  const [first] = groups;
  if (groups.length === 1) {
    return store(first!);
  }
  const stored = await askShards(groups.map(named), store);
  const results: PushResult[] = [];
  for (const [{ places }, ofShard] of stored.answers) {
    places!.forEach((place, index) => (results[place] = ofShard[index]!));
  }
  for (const { places, shard } of stored.errors.keys()) {
    places!.forEach((place) => (results[place] = { id: null, status: 'failed', shard: shard.name }));
  }
  return resultOf(stored, results);
}

function named(group: ShardDrafts) {
  return { ...group, name: group.shard.name };
}
