import type { DatabaseAdmin } from '../../admin/database-admin.js';
import { checkCount, checkOptionNames } from '../../errors/check.js';
import { checkFilter, type PageOptions, type TaskFilter } from '../../inspect/task-filter.js';
import type { TaskPage } from '../../inspect/task-view.js';
import { shapeOf } from '../../storage/list-shape.js';
import { callDatabases, resultOf } from '../database-results.js';
import { mergePages } from './merged-page.js';
import { decodeCursor, encodeCursor, type PageEnds } from './page-cursor.js';
import { ownFilter, databasesOf } from './database-filter.js';

const DEFAULT_PAGE = 50;
const MAX_PAGE = 500;

/**
 * One page of a list, merged from a page of each database.
 * @throws InvalidOptionError for an unknown filter or a bad value, before a database is queried; PartialFailureError
 */
export async function listTasks(
  all: readonly DatabaseAdmin[],
  filter: TaskFilter,
  page: PageOptions,
): Promise<TaskPage> {
  const checked = checkFilter(filter);
  const databases = databasesOf(all, checked);
  checkOptionNames(page, ['limit', 'after'], 'a page');
  const { limit = DEFAULT_PAGE, after } = page;
  checkCount('limit', limit, MAX_PAGE);
  const shape = shapeOf(checked);
  const names = databases.map(({ name }) => name);
  const starts: PageEnds =
    after === undefined ? new Map(names.map((name) => [name, null])) : decodeCursor(shape, names, after);
  const asked = await callDatabases(
    databases.filter(({ name }) => starts.get(name) !== 'end'),
    (database) => database.page(ownFilter(database, checked), limit, startOf(starts, database), shape),
  );
  const pages = new Map([...asked.results].map(([{ name }, answer]) => [name, answer]));
  const { tasks, ends } = mergePages(shape, pages, starts, limit);
  const isLast = [...ends.values()].every((end) => end === 'end');
  const merged: TaskPage = {
    tasks,
    examined: [...pages.values()].reduce((sum, { examined }) => sum + examined, 0),
    next: isLast ? null : encodeCursor(shape, ends),
    ageMs: oldest([...pages.values()].map(({ ageMs }) => ageMs)),
  };
  return resultOf(asked, merged, databases.length);
}

function startOf(starts: PageEnds, { name }: DatabaseAdmin) {
  const start = starts.get(name);
  return start === 'end' ? null : (start ?? null);
}

/** The age of the server that lags most; null when a server cannot tell its age. */
function oldest(ages: readonly (number | null)[]): number | null {
  return ages.includes(null) ? null : Math.max(0, ...(ages as number[]));
}
