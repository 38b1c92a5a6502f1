import { propertyOf } from './property-of.js';

/** The longest message that is stored, in characters. */
const MAX_LENGTH = 4000;
const MAX_CAUSES = 5;

/**
 * A text that PostgreSQL can store for whatever was thrown: never fails, never holds NUL or a lone surrogate,
 * and is cut at 4,000 characters.
 */
export function errorMessage(thrown: unknown): string {
  const seen = new Set<unknown>();
  const parts: string[] = [];
  let current = thrown;
  for (let depth = 0; depth <= MAX_CAUSES; depth++) {
    seen.add(current);
    const part = describe(current);
    // A wrapper may only repeat its cause.
    if (part !== parts.at(-1)) {
      parts.push(part);
    }
    current = propertyOf(current, 'cause');
    if (current === undefined || seen.has(current)) {
      break;
    }
  }
  return storable(parts.join('\ncaused by: '));
}

/** The text without what PostgreSQL refuses, at most 4,000 characters. */
export function storable(text: string): string {
  const short = text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH - 1)}…` : text;
  return short.replaceAll('\u0000', '\uFFFD').toWellFormed();
}

/** Is stored instead of a message that the database refused. */
export const NOT_STORED = 'the error message could not be stored';

function describe(thrown: unknown): string {
  const message = propertyOf(thrown, 'message');
  return typeof message === 'string'
    ? [message || text(propertyOf(thrown, 'name') ?? 'Error'), ...innerMessages(thrown)].join('; ')
    : text(thrown);
}

/** The messages of the errors in an AggregateError; none where the list throws when it is read. */
function innerMessages(thrown: unknown): string[] {
  try {
    const inner = propertyOf(thrown, 'errors');
    return Array.isArray(inner)
      ? inner.slice(0, MAX_CAUSES).map((error) => text(propertyOf(error, 'message') ?? error))
      : [];
  } catch {
    return [];
  }
}

function text(value: unknown): string {
  try {
    return typeof value === 'object' && value !== null
      ? (JSON.stringify(value) ?? String(value))
      : String(value);
  } catch {
    return 'an error that has no text';
  }
}
