import { check } from '../errors/check.js';
import { prefixOf, splitTaskId } from '../task/task-id.js';

/** The only shard of a queue without `shards`, unless its DataSource has another name; its tasks have bare ids whatever is added later. */
export const DEFAULT_SHARD = 'default';

const SHARD_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/;

/** @throws InvalidOptionError for a name that could not stand in a task's id. */
export function assertShardName(field: string, name: unknown): asserts name is string {
  const fits = typeof name === 'string' && SHARD_NAME.test(name);
  check(fits, field, name, 'must be a string of 1 to 63 letters, digits, dots, hyphens and underscores');
}

/** The prefix of the ids of a shard's tasks, by which an id means one task in the whole queue. */
export function idPrefixOf(shard: string): string {
  return shard === DEFAULT_SHARD ? '' : prefixOf(shard);
}

/** @throws InvalidOptionError for a name that no shard has. */
export function shardNamed<Shard extends { readonly name: string }>(
  shards: readonly Shard[],
  name: string,
): Shard {
  const shard = shards.find((candidate) => candidate.name === name);
  check(shard, 'shard', name, `must be one of ${shards.map((candidate) => candidate.name).join(', ')}`);
  return shard;
}

/**
 * The shard of a task's id, and the id within it.
 * @throws InvalidOptionError for an id of no shard
 */
export function shardOfTask<Shard extends { idOf(id: string): string }>(
  shards: readonly Shard[],
  id: string,
): { shard: Shard; id: string } {
  const { prefix, id: ownId } = splitTaskId(id);
  const shard = shards.find((candidate) => candidate.idOf(ownId) === id);
  const missing = "must name its shard, as in 'shard/id'";
  check(shard, 'id', id, prefix === undefined ? missing : 'must be the id of a task in one of the shards');
  return { shard, id: ownId };
}
