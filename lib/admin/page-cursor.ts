import type { ListPlace, ListShape } from '../storage/admin.repository.js';
import { taskIdOf } from '../task/task-filter.js';
import { InvalidOptionError } from '../task/task.errors.js';

/** The end of a page as a text that means something to the list that made it, and to no other. */
export function encodeCursor(shape: ListShape, { at, id }: ListPlace): string {
  return Buffer.from(JSON.stringify([shape, at, id])).toString('base64url');
}

/** @throws InvalidOptionError for a text that no page of such a list has given. */
export function decodeCursor(shape: ListShape, cursor: unknown): ListPlace {
  const [of, at, id] = parse(cursor);
  if (of !== shape || !Number.isSafeInteger(at)) {
    throw new InvalidOptionError('after', cursor, 'must be `next` of a page of the same filter');
  }
  return { at: at as number, id: taskIdOf(id, 'after') };
}

function parse(cursor: unknown): unknown[] {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(cursor as string, 'base64url').toString());
    return Array.isArray(parsed) ? parsed : [];
  } catch {
    return [];
  }
}
