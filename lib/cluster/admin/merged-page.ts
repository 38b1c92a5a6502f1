import type { DatabasePage } from '../../admin/database-admin.js';
import type { TaskSummary } from '../../inspect/task-view.js';
import type { ListPosition } from '../../storage/admin.repository.js';
import type { ListShape } from '../../storage/list-shape.js';
import type { PageEnds, DatabaseEnd } from './page-cursor.js';

/** Tasks of several databases in the order of the list, and where the page ends in each database. */
export interface MergedPage {
  readonly tasks: readonly TaskSummary[];
  readonly ends: PageEnds;
}

/** A database's page while it is merged; `taken` of its tasks are in the merged page. */
interface Stream {
  readonly database: string;
  readonly page: DatabasePage;
  taken: number;
}

/**
 * Merges the pages of databases. The merged page ends early when a database has examined all the rows that it may and has no task to add:
 * a task that another database has behind that row could come too soon.
 * @param starts where these pages begin; the start of a database without a page stays its end
 */
export function mergePages(
  shape: ListShape,
  pages: ReadonlyMap<string, DatabasePage>,
  starts: PageEnds,
  limit: number,
): MergedPage {
  const streams = [...pages].map(([database, page]): Stream => ({ database, page, taken: 0 }));
  const tasks: TaskSummary[] = [];
  while (tasks.length < limit) {
    const first = firstOf(shape, streams);
    const next = first?.page.tasks[first.taken];
    if (!first || !next) {
      break;
    }
    tasks.push(next.task);
    first.taken += 1;
  }
  const ends = streams.map(
    ({ database, page, taken }) => [database, endOf(page, taken, starts.get(database) ?? null)] as const,
  );
  return { tasks, ends: new Map([...starts, ...ends]) };
}

/** The stream whose next task, or end, comes first in the list; undefined when no stream has more. */
function firstOf(shape: ListShape, streams: readonly Stream[]): Stream | undefined {
  const ascending = shape === 'open';
  let first: { stream: Stream; place: ListPosition } | undefined;
  for (const stream of streams) {
    const { tasks, next } = stream.page;
    const place = tasks[stream.taken]?.place ?? next;
    if (place && (!first || (ascending ? place.at < first.place.at : place.at > first.place.at))) {
      first = { stream, place };
    }
  }
  return first?.stream;
}

/** The next page of a database without a task in this one begins where this one began. */
function endOf({ tasks, next }: DatabasePage, taken: number, start: DatabaseEnd): DatabaseEnd {
  if (taken === tasks.length) {
    return next ?? 'end';
  }
  return taken === 0 ? start : tasks[taken - 1]!.place;
}
