import type { ListPosition } from '../../storage/admin.repository.js';
import type { ListShape } from '../../storage/list-shape.js';
import { splitTaskId } from '../../task/task-id.js';
import { taskIdOf } from '../../inspect/task-filter.js';
import { InvalidOptionError } from '../../errors/pg-queue.errors.js';

/** Where a page ends in one shard: null before its first task, `'end'` behind its last. */
export type ShardPlace = ListPosition | 'end' | null;

/** Where a page ends, by the names of the shards. */
export type PagePlace = ReadonlyMap<string, ShardPlace>;

/** The end of a page as a text that means something to the list that made it, and to no other. */
export function encodeCursor(shape: ListShape, places: PagePlace): string {
  const ends = [...places].map(([shard, place]) => [
    shard,
    place && place !== 'end' ? [place.at, place.id] : place,
  ]);
  return Buffer.from(JSON.stringify([shape, ends])).toString('base64url');
}

/** @throws InvalidOptionError for a text that no page of such a list, of these shards, has given. */
export function decodeCursor(shape: ListShape, shards: readonly string[], cursor: unknown): PagePlace {
  const [of, ends] = arrayOf(parse(cursor));
  const places = new Map(arrayOf(ends).map((end) => placeOf(end, cursor)));
  if (of !== shape || places.size !== shards.length || !shards.every((shard) => places.has(shard))) {
    throw refusal(cursor);
  }
  return places;
}

function placeOf(end: unknown, cursor: unknown): [shard: string, place: ShardPlace] {
  const [shard, place] = arrayOf(end);
  if (place === null || place === 'end') {
    return [shard as string, place];
  }
  const [at, id] = arrayOf(place);
  const ownId = taskIdOf(id, 'after');
  if (!Number.isSafeInteger(at) || splitTaskId(ownId).prefix !== undefined) {
    throw refusal(cursor);
  }
  return [shard as string, { at: at as number, id: ownId }];
}

function refusal(cursor: unknown): InvalidOptionError {
  return new InvalidOptionError('after', cursor, 'must be `next` of a page of the same filter');
}

function arrayOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function parse(cursor: unknown): unknown {
  try {
    return JSON.parse(Buffer.from(cursor as string, 'base64url').toString());
  } catch {
    return undefined;
  }
}
