import { splitTaskId } from '../../task/task-id.js';
import { shardNamed, shardOfTask } from '../shard-name.js';
import type { CheckedFilter } from '../../inspect/task-filter.js';
import type { DatabaseAdmin } from '../../admin/database-admin.js';

/**
 * The shards that may have tasks of a filter: the shards of its ids, and the shard that it names.
 * @throws InvalidOptionError for a shard, or an id of a shard, that does not exist
 */
export function shardsOf(
  all: readonly DatabaseAdmin[],
  { ids, shard }: CheckedFilter,
): readonly DatabaseAdmin[] {
  const named = shard === null ? all : [shardNamed(all, shard)];
  if (ids === null) {
    return named;
  }
  const owners = new Set(ids.map((id) => shardOfTask(all, id).shard));
  return named.filter((candidate) => owners.has(candidate));
}

/** The filter with the ids that the database of the shard has; ids of other shards are removed. */
export function ownFilter(shard: DatabaseAdmin, filter: CheckedFilter): CheckedFilter {
  const ids = filter.ids?.flatMap((id) => {
    const { id: ownId } = splitTaskId(id);
    return shard.idOf(ownId) === id ? ownId : [];
  });
  return { ...filter, ids: ids ?? null };
}
