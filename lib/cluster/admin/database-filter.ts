import { splitTaskId } from '../../task/task-id.js';
import { shardNamed, shardOfTask } from '../shard-name.js';
import type { CheckedFilter } from '../../inspect/task-filter.js';
import type { DatabaseAdmin } from '../../admin/database-admin.js';

/**
 * The databases that may have tasks of a filter: the databases of its ids, and the database that it names.
 * @throws InvalidOptionError for a database, or an id of a database, that does not exist
 */
export function databasesOf(
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

/** The filter with the ids that the database of the database has; ids of other databases are removed. */
export function ownFilter(shard: DatabaseAdmin, filter: CheckedFilter): CheckedFilter {
  const ids = filter.ids?.flatMap((id) => {
    const { id: ownId } = splitTaskId(id);
    return shard.idOf(ownId) === id ? ownId : [];
  });
  return { ...filter, ids: ids ?? null };
}
