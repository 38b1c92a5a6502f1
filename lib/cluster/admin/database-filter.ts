import { splitTaskId } from '../../task/task-id.js';
import { shardNamed, shardOfTask } from '../shard-name.js';
import type { CheckedFilter } from '../../inspect/task-filter.js';
import type { DatabaseAdmin } from '../../admin/database-admin.js';

/**
 * The databases that may have tasks of a filter: those of its ids, and the one that its `shard` names.
 * @throws InvalidOptionError for a shard, or an id of a shard, that does not exist
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

/** The filter with the ids of this database's tasks as the database has them; ids of other databases are removed. */
export function ownFilter(database: DatabaseAdmin, filter: CheckedFilter): CheckedFilter {
  const ids = filter.ids?.flatMap((id) => {
    const { id: ownId } = splitTaskId(id);
    return database.idOf(ownId) === id ? ownId : [];
  });
  return { ...filter, ids: ids ?? null };
}
