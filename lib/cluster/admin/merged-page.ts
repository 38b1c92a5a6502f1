import type { DatabasePage } from '../../admin/database-admin.js';
import type { TaskSummary } from '../../inspect/task-view.js';
import type { ListPosition } from '../../storage/admin.repository.js';
import type { ListShape } from '../../storage/list-shape.js';
import type { PageEnds, DatabaseEnd } from './page-cursor.js';

/** A database's page while it is merged; `taken` of its tasks are in the merged page. */
interface Stream {
  readonly name: string;
  readonly page: DatabasePage;
  taken: number;
}

/**
 * Merges the pages of databases. The merged page ends early when a database has examined all the rows that it may and has no task to add:
 * a task that another database has behind that row could come too soon.
 * @param starts where these pages begin; the start of a database without a page stays its end
 * @returns the tasks in the order of the list, and where the page ends in each database
 */
export function mergePages(
  shape: ListShape,
  pages: ReadonlyMap<string, DatabasePage>,
  starts: PageEnds,
  limit: number,
): { readonly tasks: readonly TaskSummary[]; readonly ends: PageEnds } {
  const streams = [...pages].map(([name, page]): Stream => ({ name, page, taken: 0 }));
  const tasks: TaskSummary[] = [];
  while (tasks.length < limit) {
    const first = firstOf(shape === 'open', streams);
    const next = first?.page.tasks[first.taken];
    if (!first || !next) {
      break;
    }
    tasks.push(next.task);
    first.taken += 1;
  }
  const ends = streams.map((stream) => [stream.name, endOf(stream, starts)] as const);
  return { tasks, ends: new Map([...starts, ...ends]) };
}

/** The stream whose next task, or end, comes first in the list; undefined when no stream has more. */
function firstOf(ascending: boolean, streams: readonly Stream[]): Stream | undefined {
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
function endOf({ name, page: { tasks, next }, taken }: Stream, starts: PageEnds): DatabaseEnd {
  if (taken === tasks.length) {
    return next ?? 'end';
  }
  return taken === 0 ? (starts.get(name) ?? null) : tasks[taken - 1]!.place;
}
