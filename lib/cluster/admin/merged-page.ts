import type { ListPosition } from '../../storage/admin.repository.js';
import type { ListShape } from '../../storage/list-shape.js';
import type { TaskSummary } from '../../inspect/task-view.js';
import type { PagePlace, ShardPlace } from './page-cursor.js';
import type { DatabasePage } from '../../admin/database-admin.js';

/** Tasks of several shards in the order of the list, and where each shard's part ends. */
export interface MergedPage {
  readonly tasks: readonly TaskSummary[];
  readonly places: PagePlace;
}

/** What is left of a shard's page. */
interface Stream {
  readonly shard: string;
  readonly page: DatabasePage;
  shown: number;
}

/**
 * Merges the pages of shards. It ends early where a shard has looked at all that it may without a task to show next: what others
 * have behind that place could come too soon.
 * @param places where these pages begin; those of shards without a page stay
 */
export function mergePages(
  shape: ListShape,
  pages: ReadonlyMap<string, DatabasePage>,
  places: PagePlace,
  limit: number,
): MergedPage {
  const streams = [...pages].map(([shard, page]): Stream => ({ shard, page, shown: 0 }));
  const tasks: TaskSummary[] = [];
  while (tasks.length < limit) {
    const first = firstOf(shape, streams);
    const next = first?.page.tasks[first.shown];
    if (!first || !next) {
      break;
    }
    tasks.push(next.task);
    first.shown += 1;
  }
  const ends = streams.map(
    ({ shard, page, shown }) => [shard, endOf(page, shown, places.get(shard) ?? null)] as const,
  );
  return { tasks, places: new Map([...places, ...ends]) };
}

/** The stream whose next task, or end, comes first in the list; undefined when all have nothing more. */
function firstOf(shape: ListShape, streams: readonly Stream[]): Stream | undefined {
  const ascending = shape === 'open';
  let first: { stream: Stream; place: ListPosition } | undefined;
  for (const stream of streams) {
    const { tasks, next } = stream.page;
    const place = tasks[stream.shown]?.place ?? next;
    if (place && (!first || (ascending ? place.at < first.place.at : place.at > first.place.at))) {
      first = { stream, place };
    }
  }
  return first?.stream;
}

/** A shard that was passed over is asked again from where it was. */
function endOf({ tasks, next }: DatabasePage, shown: number, start: ShardPlace): ShardPlace {
  if (shown === tasks.length) {
    return next ?? 'end';
  }
  return shown === 0 ? start : tasks[shown - 1]!.place;
}
