import { InvalidOptionError } from '../../errors/pg-queue.errors.js';
import { taskIdOf } from '../../inspect/task-filter.js';
import type { ListPosition } from '../../storage/admin.repository.js';
import type { ListShape } from '../../storage/list-shape.js';
import { splitTaskId } from '../../task/task-id.js';

/** Where a page ends in one database: null before the database's first task, `'end'` behind its last. */
export type DatabaseEnd = ListPosition | 'end' | null;

/** Where a page ends in each database, by the names of the databases. */
export type PageEnds = ReadonlyMap<string, DatabaseEnd>;

/** The end of a page as a string. Only a list of the same shape over the same databases accepts it. */
export function encodeCursor(shape: ListShape, ends: PageEnds): string {
  const encoded = [...ends].map(([name, end]) => [name, end && end !== 'end' ? [end.at, end.id] : end]);
  return Buffer.from(JSON.stringify([shape, encoded])).toString('base64url');
}

/** @throws InvalidOptionError for a string that no page of a list of this shape over these databases has returned. */
export function decodeCursor(shape: ListShape, names: readonly string[], cursor: unknown): PageEnds {
  const [encodedShape, encoded] = arrayOf(parse(cursor));
  const ends = new Map(arrayOf(encoded).map((end) => decodeEnd(end, cursor)));
  if (encodedShape !== shape || ends.size !== names.length || !names.every((name) => ends.has(name))) {
    throw invalidCursor(cursor);
  }
  return ends;
}

function decodeEnd(encoded: unknown, cursor: unknown): [database: string, end: DatabaseEnd] {
  const [database, end] = arrayOf(encoded);
  if (end === null || end === 'end') {
    return [database as string, end];
  }
  const [at, id] = arrayOf(end);
  const ownId = taskIdOf(id, 'after');
  if (!Number.isSafeInteger(at) || splitTaskId(ownId).prefix !== undefined) {
    throw invalidCursor(cursor);
  }
  return [database as string, { at: at as number, id: ownId }];
}

function invalidCursor(cursor: unknown): InvalidOptionError {
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
